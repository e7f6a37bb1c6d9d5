// A registry with the referrers API for demo and tests.
module tidewaiter.dev/tools/registry

go 1.25.0

require github.com/google/go-containerregistry v0.22.1
