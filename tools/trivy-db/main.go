// Makes a vulnerability database of a few advisories, in the form that Trivy reads, for scans in tests that need no network.
//
//	trivy-db CACHE < database.json
//
// CACHE is what `trivy --cache-dir` names. The document on standard input:
//
//	{ "updatedAt": "2026-11-24T00:00:00Z",
//	  "sources": { "debian 12": { "ID": "debian", "Name": "Debian Security Tracker", "URL": "" } },
//	  "vulnerabilities": { "CVE-2026-1": { "Title": "…", "Severity": "HIGH", "VendorSeverity": { "nvd": 4 } } },
//	  "advisories": [{ "source": "debian 12", "package": "openssl", "id": "CVE-2026-1", "status": "fixed", "fixedVersion": "3.0.2", "severity": 3 }] }
//
// Sources are named as Trivy looks them up: `debian 12`, `alpine 3.20`, `npm::NAME`; packages of distributions by their source package.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/aquasecurity/trivy-db/pkg/db"
	"github.com/aquasecurity/trivy-db/pkg/metadata"
	"github.com/aquasecurity/trivy-db/pkg/types"
	bolt "go.etcd.io/bbolt"
)

type advisory struct {
	Source             string         `json:"source"`
	Package            string         `json:"package"`
	ID                 string         `json:"id"`
	Status             string         `json:"status"`
	FixedVersion       string         `json:"fixedVersion"`
	Severity           types.Severity `json:"severity"`
	VulnerableVersions []string       `json:"vulnerableVersions"`
	PatchedVersions    []string       `json:"patchedVersions"`
}

type document struct {
	UpdatedAt       time.Time                      `json:"updatedAt"`
	Sources         map[string]types.DataSource    `json:"sources"`
	Vulnerabilities map[string]types.Vulnerability `json:"vulnerabilities"`
	Advisories      []advisory                     `json:"advisories"`
}

func main() {
	if len(os.Args) != 2 {
		fail(fmt.Errorf("usage: trivy-db CACHE < database.json"))
	}
	var doc document
	decoder := json.NewDecoder(os.Stdin)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&doc); err != nil {
		fail(err)
	}
	fail(write(filepath.Join(os.Args[1], "db"), doc))
}

func write(folder string, doc document) error {
	if err := db.Init(folder); err != nil {
		return err
	}
	defer db.Close()
	dbc := db.Config{}
	err := dbc.BatchUpdate(func(tx *bolt.Tx) error {
		for name, source := range doc.Sources {
			if err := dbc.PutDataSource(tx, name, source); err != nil {
				return err
			}
		}
		for _, each := range doc.Advisories {
			detail := types.Advisory{
				FixedVersion:       each.FixedVersion,
				Severity:           each.Severity,
				VulnerableVersions: each.VulnerableVersions,
				PatchedVersions:    each.PatchedVersions,
			}
			if each.FixedVersion == "" {
				detail.Status = types.NewStatus(each.Status)
			}
			if err := dbc.PutAdvisoryDetail(tx, each.ID, each.Package, []string{each.Source}, &detail); err != nil {
				return err
			}
		}
		for id, vulnerability := range doc.Vulnerabilities {
			if err := dbc.PutVulnerability(tx, id, vulnerability); err != nil {
				return err
			}
			if err := dbc.SaveAdvisoryDetails(tx, id); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return metadata.NewClient(folder).Update(metadata.Metadata{
		Version:      db.SchemaVersion,
		UpdatedAt:    doc.UpdatedAt,
		NextUpdate:   doc.UpdatedAt.Add(24 * time.Hour),
		DownloadedAt: doc.UpdatedAt,
	})
}

func fail(err error) {
	if err == nil {
		return
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
