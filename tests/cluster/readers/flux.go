package main

import (
	"context"
	"fmt"

	"github.com/fluxcd/pkg/runtime/conditions"
	"github.com/fluxcd/pkg/runtime/conditions/check"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	kerrors "k8s.io/apimachinery/pkg/util/errors"
)

// A fluxReading is what Flux's own code makes of an object's conditions.
type fluxReading struct {
	Ready       bool `json:"ready"`
	Reconciling bool `json:"reconciling"`
	Stalled     bool `json:"stalled"`
	// Settled is Flux's check of an object that nothing is being done about, InProgress that of one amid its reconciliation.
	Settled    fluxCheck `json:"settled"`
	InProgress fluxCheck `json:"inProgress"`
}

// A fluxCheck lists what one of Flux's checkers objects to; no failure means that the object keeps the contract.
type fluxCheck struct {
	Failures []string `json:"failures"`
	Warnings []string `json:"warnings"`
}

func readAsFlux(object *unstructured.Unstructured, negativeConditions []string) *fluxReading {
	getter := conditions.UnstructuredGetter(object)
	return &fluxReading{
		Ready:       conditions.IsReady(getter),
		Reconciling: conditions.IsReconciling(getter),
		Stalled:     conditions.IsStalled(getter),
		Settled:     runCheck(check.NewChecker(nil, &check.Conditions{NegativePolarity: negativeConditions}), getter),
		InProgress:  runCheck(check.NewInProgressChecker(nil), getter),
	}
}

// runCheck counts a crash of the checker as a failure of the object: it dereferences a Ready condition that is not there.
func runCheck(checker *check.Checker, object conditions.Getter) (result fluxCheck) {
	defer func() {
		if crash := recover(); crash != nil {
			result = fluxCheck{Failures: []string{fmt.Sprintf("the checker crashed: %v", crash)}, Warnings: []string{}}
		}
	}()
	// The object at hand is the one to judge; there is no server to ask.
	checker.DisableFetch = true
	failures, warnings := checker.Check(context.Background(), object)
	return fluxCheck{Failures: messages(failures), Warnings: messages(warnings)}
}

func messages(err error) []string {
	texts := []string{}
	if aggregate, ok := err.(kerrors.Aggregate); ok {
		for _, each := range aggregate.Errors() {
			texts = append(texts, each.Error())
		}
	} else if err != nil {
		texts = append(texts, err.Error())
	}
	return texts
}
