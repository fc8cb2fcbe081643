package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"
)

const (
	requestLimit = 5 * time.Second
	// The largest answer read here is one Node.
	answerLimit = 1 << 20
)

// A client speaks to the API server as the administrator, and to the health ports of the other programs.
type client struct {
	server string
	token  string
	http   *http.Client
}

// A statusError is an answer other than 2xx.
type statusError struct {
	code int
	text string
}

func (e *statusError) Error() string { return fmt.Sprintf("answered %d: %s", e.code, e.text) }

func newClient(server, token, caFile string) (*client, error) {
	authorities := x509.NewCertPool()
	content, err := os.ReadFile(caFile)
	if err != nil {
		return nil, fmt.Errorf("read the certificate authority: %w", err)
	}
	if !authorities.AppendCertsFromPEM(content) {
		return nil, fmt.Errorf("no certificate in %s", caFile)
	}
	transport := &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: authorities, MinVersion: tls.VersionTLS12},
		// A connection kept from before a restart would fail the first request after it.
		DisableKeepAlives: true,
	}
	return &client{server: server, token: token, http: &http.Client{Transport: transport, Timeout: requestLimit}}, nil
}

// healthy asks a health endpoint.
func (c *client) healthy(ctx context.Context, url string) error {
	return c.exchange(ctx, http.MethodGet, url, nil, nil)
}

// call sends one request for `path` to the API server; body and answer are JSON and may be nil.
func (c *client) call(ctx context.Context, method, path string, body, answer any) error {
	return c.exchange(ctx, method, c.server+path, body, answer)
}

func (c *client) exchange(ctx context.Context, method, url string, body, answer any) error {
	var content io.Reader
	if body != nil {
		encoded, err := json.Marshal(body)
		if err != nil {
			return fmt.Errorf("encode the body for %s: %w", url, err)
		}
		content = bytes.NewReader(encoded)
	}
	request, err := http.NewRequestWithContext(ctx, method, url, content)
	if err != nil {
		return fmt.Errorf("make a request for %s: %w", url, err)
	}
	request.Header.Set("Authorization", "Bearer "+c.token)
	request.Header.Set("Content-Type", "application/json")
	response, err := c.http.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, answerLimit))
	if err != nil {
		return fmt.Errorf("read the answer of %s: %w", url, err)
	}
	if response.StatusCode/100 != 2 {
		return fmt.Errorf("%s %s: %w", method, url, &statusError{response.StatusCode, lastLines(string(text), 5)})
	}
	if answer == nil {
		return nil
	}
	if err := json.Unmarshal(text, answer); err != nil {
		return fmt.Errorf("read the answer of %s: %w", url, err)
	}
	return nil
}

// answered tells whether an error is an answer with this status code.
func answered(err error, code int) bool {
	var status *statusError
	return errors.As(err, &status) && status.code == code
}
