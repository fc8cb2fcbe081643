package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	nodefast "sigs.k8s.io/kwok/kustomize/stage/node/fast"
	heartbeat "sigs.k8s.io/kwok/kustomize/stage/node/heartbeat-with-lease"
	podfast "sigs.k8s.io/kwok/kustomize/stage/pod/fast"
)

const (
	nodeName           = "node-1"
	nodeLeaseNamespace = "kube-node-lease"
	nodeLeasePath      = "/apis/coordination.k8s.io/v1/namespaces/" + nodeLeaseNamespace + "/leases/" + nodeName
	workloadsLimit     = 60 * time.Second
)

// writeStages writes kwok's own rules of what becomes of Nodes and Pods; without any it refuses to run.
func writeStages(file string) error {
	stages := []string{
		nodefast.DefaultNodeInit, heartbeat.DefaultNodeHeartbeatWithLease,
		podfast.DefaultPodReady, podfast.DefaultPodComplete, podfast.DefaultPodDelete,
	}
	if err := os.WriteFile(file, []byte(strings.Join(stages, "\n---\n")), 0o600); err != nil {
		return fmt.Errorf("write the stages of kwok: %w", err)
	}
	return nil
}

// createNode makes the one Node that pods are scheduled to.
func (c *client) createNode(ctx context.Context) error {
	capacity := map[string]string{"cpu": "64", "memory": "256Gi", "pods": "1000", "ephemeral-storage": "1Ti"}
	node := map[string]any{
		"apiVersion": "v1",
		"kind":       "Node",
		"metadata": map[string]any{
			"name":   nodeName,
			"labels": map[string]string{"kubernetes.io/hostname": nodeName, "kubernetes.io/os": "linux"},
		},
		"status": map[string]any{"capacity": capacity, "allocatable": capacity},
	}
	if err := c.call(ctx, http.MethodPost, "/api/v1/nodes", node, nil); err != nil {
		return fmt.Errorf("create the Node: %w", err)
	}
	return nil
}

func (c *client) deleteNodeLease(ctx context.Context) error {
	err := c.call(ctx, http.MethodDelete, nodeLeasePath, nil, nil)
	if err != nil && !answered(err, http.StatusNotFound) {
		return fmt.Errorf("delete the lease of the Node: %w", err)
	}
	return nil
}

func (c *client) nodeLeaseExists(ctx context.Context) error {
	return c.call(ctx, http.MethodGet, nodeLeasePath, nil, nil)
}

// awaitWorkloads waits until a Deployment that is created now rolls out: the Node takes pods, and the account that pods run as exists.
func (c *client) awaitWorkloads(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, workloadsLimit)
	defer cancel()
	for {
		err := errors.Join(c.nodeTakesPods(ctx), c.call(ctx, http.MethodGet, "/api/v1/namespaces/default/serviceaccounts/default", nil, nil))
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait until workloads can run: %w: %w", context.Cause(ctx), err)
		case <-time.After(readyInterval):
		}
	}
}

func (c *client) nodeTakesPods(ctx context.Context) error {
	var node struct {
		Spec struct {
			Taints []struct{ Key string }
		}
		Status struct {
			Conditions []struct{ Type, Status string }
		}
	}
	if err := c.call(ctx, http.MethodGet, "/api/v1/nodes/"+nodeName, nil, &node); err != nil {
		return err
	}
	// Admission taints a new Node as not ready; the controller manager takes that away when it is.
	if len(node.Spec.Taints) > 0 {
		return fmt.Errorf("the Node still has the taint %s", node.Spec.Taints[0].Key)
	}
	for _, condition := range node.Status.Conditions {
		if condition.Type == "Ready" && condition.Status == "True" {
			return nil
		}
	}
	return errors.New("the Node is not Ready")
}
