package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// options say what kind of control plane is wanted.
type options struct {
	// workloads adds the controller manager, the scheduler, kwok and a Node to etcd and the API server.
	workloads bool
	// directory holds all data and is removed at the end; empty means a new one in the folder for temporary files.
	directory string
	// apiServerFlags are given to kube-apiserver after its own.
	apiServerFlags []string
}

// A controlPlane is a set of processes over one directory of data.
type controlPlane struct {
	directory  string
	binaries   string
	adminToken string
	keys       identities
	client     *client
	workloads  bool
	// processes are in the order in which they are started.
	processes []*process
}

// description is the ready line: all that a test has to know.
type description struct {
	Kubeconfig string         `json:"kubeconfig"`
	Server     string         `json:"server"`
	CAFile     string         `json:"caFile"`
	AdminToken string         `json:"adminToken"`
	AuditLog   string         `json:"auditLog"`
	Directory  string         `json:"directory"`
	Binaries   string         `json:"binaries"`
	Workloads  bool           `json:"workloads"`
	Processes  map[string]int `json:"processes"`
}

// newControlPlane writes every file that the processes need and starts none of them. On failure nothing is left behind.
func newControlPlane(binaries string, wanted options) (*controlPlane, error) {
	directory, err := createDirectory(wanted.directory)
	if err != nil {
		return nil, err
	}
	c := &controlPlane{directory: directory, binaries: binaries, workloads: wanted.workloads}
	if err := c.prepare(wanted); err != nil {
		return nil, errors.Join(err, c.end())
	}
	return c, nil
}

func (c *controlPlane) prepare(wanted options) error {
	var ports [5]int
	for index := range ports {
		port, err := reservePort()
		if err != nil {
			return err
		}
		ports[index] = port
	}
	random := make([]byte, 24)
	_, _ = rand.Read(random) // never fails, by its documentation
	c.adminToken = hex.EncodeToString(random)
	keys, err := createIdentities(c.path)
	if err != nil {
		return err
	}
	c.keys = keys
	server := fmt.Sprintf("https://127.0.0.1:%d", ports[0])
	if c.client, err = newClient(server, c.adminToken, keys.caFile); err != nil {
		return err
	}
	if err := c.writeFiles(); err != nil {
		return err
	}
	c.processes = []*process{c.etcd(ports[1], ports[2]), c.apiServer(ports[0], ports[1], keys, wanted.apiServerFlags)}
	if wanted.workloads {
		c.processes = append(c.processes, c.controllerManager(ports[3], keys), c.scheduler(ports[4], keys), c.kubelets())
	}
	return nil
}

func (c *controlPlane) writeFiles() error {
	ca, err := os.ReadFile(c.keys.caFile)
	if err != nil {
		return fmt.Errorf("read the certificate authority: %w", err)
	}
	files := map[string]string{
		c.path("tokens.csv"):        c.adminToken + `,admin,admin,"system:masters"` + "\n",
		c.path("audit-policy.yaml"): auditPolicy,
		// A reader may open it before the first request.
		c.auditLog():   "",
		c.kubeconfig(): kubeconfigText(c.client.server, c.adminToken, ca),
	}
	for file, content := range files {
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			return fmt.Errorf("write %s: %w", file, err)
		}
	}
	return writeStages(c.path("stages.yaml"))
}

func kubeconfigText(server, token string, ca []byte) string {
	return fmt.Sprintf(`apiVersion: v1
kind: Config
current-context: plumbline
clusters:
- name: plumbline
  cluster: {server: %q, certificate-authority-data: %s}
users:
- name: admin
  user: {token: %q}
contexts:
- name: plumbline
  context: {cluster: plumbline, user: admin, namespace: default}
`, server, base64.StdEncoding.EncodeToString(ca), token)
}

// start starts every process and waits until all are ready.
func (c *controlPlane) start(ctx context.Context) error {
	for _, p := range c.processes[:2] {
		if err := p.launch(ctx); err != nil {
			return err
		}
		if err := p.await(ctx); err != nil {
			return err
		}
	}
	if !c.workloads {
		return nil
	}
	if err := c.client.createNode(ctx); err != nil {
		return err
	}
	for _, p := range c.processes[2:] {
		if err := p.launch(ctx); err != nil {
			return err
		}
	}
	for _, p := range c.processes[2:] {
		if err := p.await(ctx); err != nil {
			return err
		}
	}
	return c.client.awaitWorkloads(ctx)
}

// end kills every process and removes all data.
func (c *controlPlane) end() error {
	var failures []error
	for _, p := range c.processes {
		if p.running() {
			failures = append(failures, p.kill())
		}
	}
	if err := os.RemoveAll(c.directory); err != nil {
		failures = append(failures, fmt.Errorf("remove the data: %w", err))
	}
	return errors.Join(failures...)
}

func (c *controlPlane) describe() description {
	processes := make(map[string]int)
	for _, p := range c.processes {
		processes[p.name] = p.pid()
	}
	return description{
		Kubeconfig: c.kubeconfig(),
		Server:     c.client.server,
		CAFile:     c.keys.caFile,
		AdminToken: c.adminToken,
		AuditLog:   c.auditLog(),
		Directory:  c.directory,
		Binaries:   c.binaries,
		Workloads:  c.workloads,
		Processes:  processes,
	}
}

func (c *controlPlane) process(name string) (*process, error) {
	for _, p := range c.processes {
		if p.name == name {
			return p, nil
		}
	}
	return nil, fmt.Errorf("there is no process %q", name)
}

func (c *controlPlane) path(name string) string { return filepath.Join(c.directory, name) }
func (c *controlPlane) kubeconfig() string      { return c.path("kubeconfig") }
func (c *controlPlane) auditLog() string        { return c.path("audit.log") }
