/** A public registry, as it really is. */
export interface PublicRegistry {
  /** As references name it: exact, or `*.domain`. */
  readonly host: string;
  /** Where its API is, if elsewhere. */
  readonly endpoint: string | null;
  /** Where it hands out tokens and keeps blobs. */
  readonly alsoHosts: readonly string[];
}

const googleStorage = 'storage.googleapis.com';
const quayBlobs = ['cdn.quay.io', ...[1, 2, 3, 4, 5, 6].map((n) => `cdn0${n}.quay.io`)];

/**
 * Who may be contacted when the configuration names no registries. Hosts of blobs are those the operators name in their firewall
 * guides, or that the registries were seen to redirect to.
 */
export const publicRegistries: readonly PublicRegistry[] = [
  {
    host: 'docker.io',
    endpoint: 'registry-1.docker.io',
    // https://docs.docker.com/desktop/setup/allow-list/
    alsoHosts: [
      'auth.docker.io',
      'production.cloudflare.docker.com',
      'production.cloudfront.docker.com',
      'docker-images-prod.6aa30f8b08e16409b46e0173d6de2f56.r2.cloudflarestorage.com',
      'docker-images-prod.s3.dualstack.us-east-1.amazonaws.com',
    ],
  },
  { host: 'ghcr.io', endpoint: null, alsoHosts: ['pkg-containers.githubusercontent.com'] },
  { host: 'quay.io', endpoint: null, alsoHosts: quayBlobs },
  { host: 'gcr.io', endpoint: null, alsoHosts: [googleStorage] },
  { host: '*.gcr.io', endpoint: null, alsoHosts: [googleStorage] },
  { host: '*.pkg.dev', endpoint: null, alsoHosts: [googleStorage] },
  // Answers by redirects to Artifact Registry, and for callers in AWS to a bucket of their region.
  {
    host: 'registry.k8s.io',
    endpoint: null,
    alsoHosts: [
      '*.pkg.dev',
      googleStorage,
      ...['ap-northeast-1', 'ap-south-1', 'ap-southeast-1', 'eu-central-1', 'eu-west-1', 'eu-west-2', 'us-east-1', 'us-east-2', 'us-west-1', 'us-west-2'].map(
        (region) => `prod-registry-k8s-io-${region}.s3.dualstack.${region}.amazonaws.com`,
      ),
    ],
  },
  { host: 'public.ecr.aws', endpoint: null, alsoHosts: ['d5l0dvt14r5h8.cloudfront.net', 'd2glxqk2uabbnd.cloudfront.net'] },
  { host: 'mcr.microsoft.com', endpoint: null, alsoHosts: ['*.data.mcr.microsoft.com'] },
  // https://edu.chainguard.dev/chainguard/administration/network-requirements/
  { host: 'cgr.dev', endpoint: null, alsoHosts: ['9236a389bd48b984df91adc1bc924620.r2.cloudflarestorage.com'] },
  { host: 'registry.gitlab.com', endpoint: null, alsoHosts: ['gitlab.com', 'cdn.registry.gitlab-static.net', googleStorage] },
  { host: 'registry.access.redhat.com', endpoint: null, alsoHosts: quayBlobs },
  { host: 'nvcr.io', endpoint: null, alsoHosts: ['authn.nvidia.com', 'layers.nvcr.io', 'xfiles.ngc.nvidia.com'] },
];
