import type { Finds, Subject } from '../../../src/domain/evidence.ts';
import { bad, good, type Outcome } from '../../../src/domain/fault.ts';
import { ownAccess, type Registry } from '../../../src/domain/registry.ts';
import { createLayouts, createProving, type Signer, type SignerKind, signerKinds } from '../../../src/signatures/index.ts';
import { type Issued, issue, issueRoot, pemOf } from '../../fakes/notation/authority.ts';
import { type EnvelopeOptions, envelopeOf, type Format, jws, pushSignature } from '../../fakes/notation/sign.ts';
import { type ImageOptions, type PublishedImage, publishImage } from '../../fakes/publish.ts';
import { asking, lookWith, patience, subjectOf } from './support.ts';

export interface NotationOptions {
  readonly files?: Readonly<Record<string, string>>;
  readonly revoked?: { readonly digests?: readonly string[]; readonly keys?: readonly string[]; readonly identities?: readonly string[] };
}

export const identity = 'x509.subject: C=US, ST=WA, O=Partner';

/** What creating a signer of the kind `notation` comes to. */
export function createNotation(
  registry: Registry,
  entry: Readonly<Record<string, unknown>>,
  { files = {}, revoked = {} }: NotationOptions,
): Promise<Outcome<Signer>> {
  const kind: SignerKind = signerKinds.notation;
  return kind.create(kind.settings.parse({ name: 'partner', kind: 'notation', images: ['**'], ...entry }), {
    layouts: createLayouts(registry),
    registry,
    proving: createProving(),
    ...asking(),
    trustRoots: { open: async () => bad('INTERNAL', 'no signature of the Notary Project needs one') },
    revoked: { digests: revoked.digests ?? [], keys: revoked.keys ?? [], identities: revoked.identities ?? [] },
    async file(path) {
      const content = files[path];
      return content === undefined ? bad('CONFIG_INVALID', `there is no file ${path}`) : good(Buffer.from(content));
    },
  });
}

/** A signer that trusts a root, strictly, and any identity unless said otherwise. */
export async function trusting(
  registry: Registry,
  root: Issued,
  entry: Readonly<Record<string, unknown>> = {},
  options: NotationOptions & { readonly timestamps?: Issued } = {},
): Promise<Signer> {
  const { timestamps } = options;
  const files = { 'ca.pem': pemOf(root), ...(timestamps === undefined ? {} : { 'tsa.pem': pemOf(timestamps) }), ...options.files };
  const tsa = timestamps === undefined ? {} : { tsaTrustStoreFile: 'tsa.pem' };
  const signer = await createNotation(registry, { trustStoreFile: 'ca.pem', identities: ['*'], ...tsa, ...entry }, { ...options, files });
  if (!signer.ok) throw new Error(signer.fault.message);
  return signer.value;
}

export interface Scene {
  readonly root: Issued;
  readonly leaf: Issued;
  publish(more?: Partial<ImageOptions>): Promise<PublishedImage>;
  publishSigned(leaf: Issued): Promise<PublishedImage>;
  /** Publishes an image with one signature, and looks at it. */
  outcomeOf(signer: Signer, format: Format, options?: SignOptions): Promise<Outcome<Finds>>;
  lookAt(signer: Signer, format: Format, options?: SignOptions): Promise<Finds>;
}

type SignOptions = EnvelopeOptions & { readonly leaf?: Issued; readonly target?: object; readonly manifest?: object };

let count = 0;

export async function makeScene(origin: string): Promise<Scene> {
  const root = await issueRoot();
  const leaf = await issue({ issuer: root });
  const publish = (more: Partial<ImageOptions> = {}): Promise<PublishedImage> => {
    count += 1;
    return publishImage({ registry: origin, repository: 'acme/web', content: `image ${count}`, ...more });
  };
  const publishWith = async (format: Format, { leaf: by = leaf, target, manifest = {}, ...options }: SignOptions): Promise<PublishedImage> => {
    const image = await publish();
    const { mediaType, digest, size } = image.descriptor;
    const envelope = await envelopeOf(format, by, { mediaType, digest, size, ...target }, options);
    await pushSignature(image.place, image.descriptor, envelope, format, manifest);
    return image;
  };
  return {
    root,
    leaf,
    publish,
    publishSigned: (by) => publishWith(jws, { leaf: by }),
    outcomeOf: async (signer, format, options = {}) => signer.look(subjectOf(await publishWith(format, options)), patience()),
    lookAt: async (signer, format, options = {}) => lookWith(signer, subjectOf(await publishWith(format, options))),
  };
}

export function subjectIn(image: PublishedImage, more: Partial<Pick<Subject, 'repositories'>> = {}): Subject {
  return { ...subjectOf(image, more), access: ownAccess };
}
