# syntax=docker/dockerfile:1
# Versions are those of package.json and tools/install.ts; a test holds them together.
ARG NODE_VERSION=24.21.0
ARG GO_VERSION=1.26
ARG OPA_VERSION=v1.22.2

FROM node:${NODE_VERSION}-bookworm-slim AS bundle
WORKDIR /src
COPY package.json package-lock.json .npmrc ./
# No install script is needed to bundle, so none is run.
RUN npm ci --ignore-scripts
COPY tools/bundle.ts tools/
COPY src src
RUN node tools/bundle.ts

FROM golang:${GO_VERSION}-bookworm AS opa
ARG OPA_VERSION
RUN CGO_ENABLED=0 GOBIN=/out go install -trimpath -ldflags "-s -w" github.com/open-policy-agent/opa@${OPA_VERSION}

FROM gcr.io/distroless/nodejs24-debian12:nonroot
COPY LICENSE /opt/tidewaiter/
COPY policies /opt/tidewaiter/policies
COPY --from=opa /out/opa /opt/tidewaiter/bin/opa
COPY --from=bundle /src/dist/ /opt/tidewaiter/
ENV NODE_ENV=production TIDEWAITER_OPA=/opt/tidewaiter/bin/opa
WORKDIR /var/lib/tidewaiter
USER 65532:65532
EXPOSE 8443 8081
ENTRYPOINT ["/nodejs/bin/node", "/opt/tidewaiter/tidewaiter.mjs"]
CMD ["serve"]
