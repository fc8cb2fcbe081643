package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"time"
)

// identities are the key files that the control plane needs, made anew for each.
type identities struct {
	caFile, certificateFile, keyFile                 string
	serviceAccountPrivateFile, serviceAccountKeyFile string
}

// certificateLife is longer than any control plane here lives.
const certificateLife = 30 * 24 * time.Hour

// createIdentities writes a certificate authority, a serving certificate for loopback, and the key that signs service account tokens.
func createIdentities(in func(name string) string) (identities, error) {
	files := identities{
		caFile: in("ca.crt"), certificateFile: in("serving.crt"), keyFile: in("serving.key"),
		serviceAccountPrivateFile: in("service-accounts.key"), serviceAccountKeyFile: in("service-accounts.pub"),
	}
	authority := certificate("plumbline-test-ca")
	authority.IsCA, authority.BasicConstraintsValid = true, true
	authority.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature
	authorityKey, err := sign(authority, authority, nil, files.caFile, "")
	if err != nil {
		return files, err
	}
	serving := certificate("kube-apiserver")
	serving.KeyUsage = x509.KeyUsageDigitalSignature
	serving.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	serving.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1), net.ParseIP(firstServiceAddress)}
	serving.DNSNames = []string{"localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc"}
	if _, err := sign(serving, authority, authorityKey, files.certificateFile, files.keyFile); err != nil {
		return files, err
	}
	return files, createServiceAccountKey(files)
}

func certificate(name string) *x509.Certificate {
	// A minute back, for a client whose clock is a little slow.
	begin := time.Now().Add(-time.Minute)
	return &x509.Certificate{
		SerialNumber: big.NewInt(begin.UnixNano()),
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    begin,
		NotAfter:     begin.Add(certificateLife),
	}
}

// sign makes a key and its certificate, signed by the given authority, or by itself without one. The key is written when it has a file.
func sign(template, authority *x509.Certificate, authorityKey crypto.Signer, certificateFile, keyFile string) (crypto.Signer, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make the key of %s: %w", template.Subject.CommonName, err)
	}
	if authorityKey == nil {
		authorityKey = key
	}
	encoded, err := x509.CreateCertificate(rand.Reader, template, authority, key.Public(), authorityKey)
	if err != nil {
		return nil, fmt.Errorf("sign the certificate of %s: %w", template.Subject.CommonName, err)
	}
	if err := writePEM(certificateFile, "CERTIFICATE", encoded); err != nil || keyFile == "" {
		return key, err
	}
	return key, writePrivateKey(keyFile, key)
}

func createServiceAccountKey(files identities) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("make the key for service accounts: %w", err)
	}
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return fmt.Errorf("encode the key for service accounts: %w", err)
	}
	if err := writePEM(files.serviceAccountKeyFile, "PUBLIC KEY", public); err != nil {
		return err
	}
	return writePrivateKey(files.serviceAccountPrivateFile, key)
}

func writePrivateKey(file string, key *ecdsa.PrivateKey) error {
	encoded, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return fmt.Errorf("encode %s: %w", file, err)
	}
	return writePEM(file, "PRIVATE KEY", encoded)
}

func writePEM(file, kind string, content []byte) error {
	text := pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: content})
	if err := os.WriteFile(file, text, 0o600); err != nil {
		return fmt.Errorf("write %s: %w", file, err)
	}
	return nil
}
