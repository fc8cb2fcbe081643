package main

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
)

// The names of the processes, as commands and the ready line use them; each is also the name of its program.
const (
	etcd              = "etcd"
	apiServer         = "kube-apiserver"
	controllerManager = "kube-controller-manager"
	scheduler         = "kube-scheduler"
	kubelets          = "kwok"
)

const (
	serviceRange        = "10.0.0.0/24"
	firstServiceAddress = "10.0.0.1"
)

// auditPolicy has one line per finished request: enough to prove who asked for what and whether it was allowed, and no bodies,
// so no secrets.
const auditPolicy = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived, ResponseStarted, Panic]
rules:
- level: Metadata
`

func (c *controlPlane) newProcess(name string, arguments ...string) *process {
	return &process{
		name:      name,
		file:      filepath.Join(c.binaries, name),
		arguments: arguments,
		log:       c.path(name + ".log"),
	}
}

func (c *controlPlane) etcd(clientPort, peerPort int) *process {
	client, peer := fmt.Sprintf("http://127.0.0.1:%d", clientPort), fmt.Sprintf("http://127.0.0.1:%d", peerPort)
	p := c.newProcess(etcd,
		"--data-dir="+c.path("etcd"),
		"--listen-client-urls="+client,
		"--advertise-client-urls="+client,
		"--listen-peer-urls="+peer,
		"--initial-advertise-peer-urls="+peer,
		"--initial-cluster=default="+peer,
		"--socket-reuse-port",
		// The data does not outlive the run, and a test machine's disk would set the pace of every write.
		"--unsafe-no-fsync",
	)
	p.ready = func(ctx context.Context) error { return c.client.healthy(ctx, client+"/readyz") }
	return p
}

func (c *controlPlane) apiServer(port, etcdPort int, keys identities, more []string) *process {
	p := c.newProcess(apiServer, append([]string{
		fmt.Sprintf("--etcd-servers=http://127.0.0.1:%d", etcdPort),
		"--bind-address=127.0.0.1",
		fmt.Sprintf("--secure-port=%d", port),
		"--permit-port-sharing",
		// The default one refuses to publish a loopback address.
		"--endpoint-reconciler-type=none",
		"--tls-cert-file=" + keys.certificateFile,
		"--tls-private-key-file=" + keys.keyFile,
		"--authorization-mode=RBAC",
		"--token-auth-file=" + c.path("tokens.csv"),
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file=" + keys.serviceAccountKeyFile,
		"--service-account-signing-key-file=" + keys.serviceAccountPrivateFile,
		"--service-cluster-ip-range=" + serviceRange,
		"--audit-policy-file=" + c.path("audit-policy.yaml"),
		"--audit-log-path=" + c.auditLog(),
		// No rotation: a test reads one file from its beginning.
		"--audit-log-maxsize=0",
	}, more...)...)
	p.ready = func(ctx context.Context) error {
		if err := c.client.healthy(ctx, c.client.server+"/readyz"); err != nil {
			return err
		}
		// The server is ready before it has made its own namespaces.
		for _, namespace := range []string{"default", nodeLeaseNamespace} {
			if err := c.client.call(ctx, http.MethodGet, "/api/v1/namespaces/"+namespace, nil, nil); err != nil {
				return err
			}
		}
		return nil
	}
	return p
}

func (c *controlPlane) controllerManager(port int, keys identities) *process {
	p := c.newProcess(controllerManager, append(c.besideAPIServer(port, keys),
		"--service-account-private-key-file="+keys.serviceAccountPrivateFile,
		"--root-ca-file="+keys.caFile,
	)...)
	p.ready = healthz(c.client, port)
	return p
}

func (c *controlPlane) scheduler(port int, keys identities) *process {
	p := c.newProcess(scheduler, c.besideAPIServer(port, keys)...)
	p.ready = healthz(c.client, port)
	return p
}

// besideAPIServer are the arguments that the controller manager and the scheduler share.
func (c *controlPlane) besideAPIServer(port int, keys identities) []string {
	return []string{
		"--kubeconfig=" + c.kubeconfig(),
		"--authentication-kubeconfig=" + c.kubeconfig(),
		"--authorization-kubeconfig=" + c.kubeconfig(),
		"--leader-elect=false",
		"--bind-address=127.0.0.1",
		fmt.Sprintf("--secure-port=%d", port),
		"--permit-port-sharing",
		"--tls-cert-file=" + keys.certificateFile,
		"--tls-private-key-file=" + keys.keyFile,
	}
}

func healthz(client *client, port int) func(context.Context) error {
	return func(ctx context.Context) error {
		return client.healthy(ctx, fmt.Sprintf("https://127.0.0.1:%d/healthz", port))
	}
}

// kubelets plays the kubelet of every Node: pods become ready at once, and run nothing.
func (c *controlPlane) kubelets() *process {
	p := c.newProcess(kubelets,
		"--kubeconfig="+c.kubeconfig(),
		"--config="+c.path("stages.yaml"),
		"--manage-all-nodes=true",
		"--node-lease-duration-seconds=40",
	)
	// A killed one leaves a lease that its successor would wait out; a new lease also proves that the new one is at work.
	p.prepare = c.client.deleteNodeLease
	p.ready = c.client.nodeLeaseExists
	return p
}
