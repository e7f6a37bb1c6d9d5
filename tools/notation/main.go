// Command notation-sign signs and verifies with the Notary Project's own library. It reads a request a line from its standard input,
// as JSON, and answers each with a line.
package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/notaryproject/notation-core-go/signature"
	_ "github.com/notaryproject/notation-core-go/signature/cose"
	_ "github.com/notaryproject/notation-core-go/signature/jws"
	"github.com/notaryproject/notation-go"
	"github.com/notaryproject/notation-go/registry"
	"github.com/notaryproject/notation-go/verifier"
	"github.com/notaryproject/notation-go/verifier/trustpolicy"
	"github.com/notaryproject/notation-go/verifier/truststore"
	"github.com/notaryproject/tspclient-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/registry/remote"
)

type request struct {
	// Do is sign, verify or push.
	Do string `json:"do"`
	// Format is the media type of the envelope.
	Format   string             `json:"format"`
	Target   ocispec.Descriptor `json:"target"`
	Envelope []byte             `json:"envelope"`

	// Of sign. PEM: the key in PKCS 8, the chain from the leaf to the root.
	Key         string     `json:"key"`
	Chain       string     `json:"chain"`
	Scheme      string     `json:"scheme"`
	Expiry      *time.Time `json:"expiry"`
	SigningTime *time.Time `json:"signingTime"`
	Agent       string     `json:"agent"`
	// TSA is the address of a timestamp authority, TSARoots the PEM of its roots.
	TSA      string `json:"tsa"`
	TSARoots string `json:"tsaRoots"`

	// Of verify.
	Store      string                      `json:"store"`
	StoreType  string                      `json:"storeType"`
	Identities []string                    `json:"identities"`
	Level      string                      `json:"level"`
	Override   map[string]string           `json:"override"`
	Timestamps trustpolicy.TimestampOption `json:"verifyTimestamp"`

	// Of push: host/repository.
	Repository string `json:"repository"`
}

type answer struct {
	Envelope []byte `json:"envelope,omitempty"`
	// Error is empty for what was signed, verified or pushed.
	Error string `json:"error"`
	// Logged are the checks that failed without consequence.
	Logged []string `json:"logged,omitempty"`
}

func main() {
	lines := bufio.NewReaderSize(os.Stdin, 1<<20)
	out := json.NewEncoder(os.Stdout)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return
		}
		var asked request
		var given answer
		if err := json.Unmarshal(line, &asked); err == nil {
			given, err = do(context.Background(), asked)
			if err != nil {
				given.Error = err.Error()
			}
		} else {
			given.Error = err.Error()
		}
		if err := out.Encode(given); err != nil {
			return
		}
	}
}

func do(ctx context.Context, asked request) (answer, error) {
	switch asked.Do {
	case "sign":
		return sign(asked)
	case "verify":
		return verify(ctx, asked)
	case "push":
		return answer{}, push(ctx, asked)
	}
	return answer{}, fmt.Errorf("%q is not known", asked.Do)
}

func sign(asked request) (answer, error) {
	block, _ := pem.Decode([]byte(asked.Key))
	if block == nil {
		return answer{}, errors.New("no key")
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return answer{}, err
	}
	chain, err := certificates(asked.Chain)
	if err != nil {
		return answer{}, err
	}
	signer, err := signature.NewLocalSigner(chain, key)
	if err != nil {
		return answer{}, err
	}
	payload, err := json.Marshal(map[string]any{"targetArtifact": asked.Target})
	if err != nil {
		return answer{}, err
	}
	asking := &signature.SignRequest{
		Payload:       signature.Payload{ContentType: "application/vnd.cncf.notary.payload.v1+json", Content: payload},
		Signer:        signer,
		SigningTime:   time.Now(),
		SigningScheme: signature.SigningScheme(asked.Scheme),
		SigningAgent:  asked.Agent,
	}
	if asked.SigningTime != nil {
		asking.SigningTime = *asked.SigningTime
	}
	if asked.Expiry != nil {
		asking.Expiry = *asked.Expiry
	}
	if asked.TSA != "" {
		if asking.Timestamper, err = tspclient.NewHTTPTimestamper(http.DefaultClient, asked.TSA); err != nil {
			return answer{}, err
		}
		roots, err := certificates(asked.TSARoots)
		if err != nil {
			return answer{}, err
		}
		asking.TSARootCAs = x509.NewCertPool()
		for _, root := range roots {
			asking.TSARootCAs.AddCert(root)
		}
	}
	envelope, err := signature.NewEnvelope(asked.Format)
	if err != nil {
		return answer{}, err
	}
	signed, err := envelope.Sign(asking)
	return answer{Envelope: signed}, err
}

// stores are the trust stores, by type.
type stores map[truststore.Type][]*x509.Certificate

func (s stores) GetCertificates(_ context.Context, kind truststore.Type, _ string) ([]*x509.Certificate, error) {
	return s[kind], nil
}

func verify(ctx context.Context, asked request) (answer, error) {
	trusted, err := certificates(asked.Store)
	if err != nil {
		return answer{}, err
	}
	kept := stores{truststore.Type(asked.StoreType): trusted}
	names := []string{asked.StoreType + ":test"}
	if asked.TSARoots != "" {
		if kept[truststore.TypeTSA], err = certificates(asked.TSARoots); err != nil {
			return answer{}, err
		}
		names = append(names, "tsa:test")
	}
	override := map[trustpolicy.ValidationType]trustpolicy.ValidationAction{}
	for check, action := range asked.Override {
		override[trustpolicy.ValidationType(check)] = trustpolicy.ValidationAction(action)
	}
	judge, err := verifier.New(&trustpolicy.Document{
		Version: "1.0",
		TrustPolicies: []trustpolicy.TrustPolicy{{
			Name:                  "test",
			RegistryScopes:        []string{"*"},
			SignatureVerification: trustpolicy.SignatureVerification{VerificationLevel: asked.Level, Override: override, VerifyTimestamp: asked.Timestamps},
			TrustStores:           names,
			TrustedIdentities:     asked.Identities,
		}},
	}, kept, nil)
	if err != nil {
		return answer{}, err
	}
	outcome, err := judge.Verify(ctx, asked.Target, asked.Envelope, notation.VerifierVerifyOptions{
		ArtifactReference:  "registry.example/image@" + string(asked.Target.Digest),
		SignatureMediaType: asked.Format,
	})
	var given answer
	if outcome != nil {
		for _, result := range outcome.VerificationResults {
			if result.Error != nil && result.Action == trustpolicy.ActionLog {
				given.Logged = append(given.Logged, string(result.Type))
			}
		}
	}
	return given, err
}

func push(ctx context.Context, asked request) error {
	place, err := remote.NewRepository(asked.Repository)
	if err != nil {
		return err
	}
	place.PlainHTTP = true
	_, _, err = registry.NewRepository(place).PushSignature(ctx, asked.Format, asked.Envelope, asked.Target, map[string]string{
		"io.cncf.notary.x509chain.thumbprint#S256": "[]",
	})
	return err
}

func certificates(text string) ([]*x509.Certificate, error) {
	var found []*x509.Certificate
	for rest := bytes.TrimSpace([]byte(text)); len(rest) > 0; {
		block, after := pem.Decode(rest)
		if block == nil {
			return nil, errors.New("this is no PEM")
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		found = append(found, certificate)
		rest = bytes.TrimSpace(after)
	}
	return found, nil
}
