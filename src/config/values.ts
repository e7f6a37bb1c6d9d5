import { isIP } from 'node:net';
import { z } from 'zod';
import { isDigest } from '../domain/digest.ts';
import { parseRepository } from '../domain/image.ts';
import { durationForm, formatDuration, parseDuration } from './duration.ts';

/** Where to listen. */
export interface ListenAddress {
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
}

/** A duration within bounds (both in milliseconds), written such as `8s`; milliseconds once read. */
export function duration(least: number, most: number) {
  const form = 'must be a duration such as 500ms, 8s, 10m, 24h or 30d';
  return z
    .string(form)
    .regex(durationForm, form)
    .transform((text, context) => {
      const value = parseDuration(text);
      if (value !== null && value >= least && value <= most) return value;
      context.addIssue({ code: 'custom', message: `must be a duration from ${formatDuration(least)} to ${formatDuration(most)}` });
      return z.NEVER;
    });
}

const hostForm = /^(?=.{1,253}$)[A-Za-z0-9](?:[A-Za-z0-9-]{0,62})(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,62}))*$/;

/** `HOST:PORT`, with an IPv6 address in brackets. */
export const listenAddress = z.string().transform((text, context): ListenAddress => {
  const match = /^(?:\[([0-9a-fA-F:.]{2,45})\]|([^:[\]]+)):([0-9]{1,5})$/.exec(text);
  const host = match?.[1] ?? match?.[2] ?? '';
  const port = Number(match?.[3] ?? Number.NaN);
  const named = match?.[1] === undefined ? hostForm.test(host) : isIP(host) === 6;
  if (named && port <= 65535) return { host, port };
  const message = /^:[0-9]+$/.test(text) ? `must name a host: 0.0.0.0${text} for every address` : 'must be HOST:PORT, such as 127.0.0.1:8443 or [::1]:8443';
  context.addIssue({ code: 'custom', message });
  return z.NEVER;
});

/** Whether only this machine can connect there. */
export function isLoopback(address: ListenAddress): boolean {
  return address.host === 'localhost' || address.host === '::1' || (isIP(address.host) === 4 && address.host.startsWith('127.'));
}

/** A name that policies, records and people use. */
export const name = z.string().regex(/^[a-z0-9][a-z0-9._-]{0,62}$/, 'must be a name of lower-case letters, digits, dots and dashes, at most 63 long');

/** Name of a policy: a package below `policies`. */
export const policyName = z.string().regex(/^[A-Za-z_][A-Za-z0-9_]{0,62}$/, 'must be the name of a policy: letters, digits and underscores');

/** A path; relative ones start at the configuration's folder. */
export const filePath = z
  .string()
  .min(1, 'must name a file')
  .max(4096, 'is too long for a path')
  .refine((path) => !path.includes('\0'), 'a path can not hold a NUL character');

const mostWildcards = 4;

/** A glob within a bound that keeps matching fast. */
function globOf(form: RegExp, message: string) {
  return z
    .string()
    .regex(form, message)
    .refine((pattern) => (pattern.match(/\*+/g) ?? []).length <= mostWildcards, `can not have more than ${mostWildcards} wildcards`)
    .refine((pattern) => !pattern.includes('***'), 'can not have three stars in a row: * stays within a segment, ** crosses segments');
}

export const namespaceGlob = globOf(/^[a-z0-9*-]{1,63}$/, 'must be a namespace, or a glob such as dev-*');

export const annotationGlob = globOf(/^[A-Za-z0-9._/*-]{1,317}$/, 'must be the key of an annotation, or a glob such as example.com/*');

/** A glob over logical `registry/repository` names. One that could match no such name is refused: it would protect nothing. */
export const imageGlob = globOf(/^[a-z0-9*._:/[\]-]{1,255}$/, 'must be a lower-case registry/repository, or a glob of it, without tag or digest').superRefine(
  (pattern, context) => {
    const first = pattern.split('/')[0] ?? '';
    const rest = pattern.slice(first.length + 1);
    const say = (message: string): void => {
      context.addIssue({ code: 'custom', message });
    };
    if (/[[\]]/.test(rest)) say('can have no wildcards but * and **');
    else if (rest.includes(':')) say('must be a registry/repository without a tag: a colon in the repository matches nothing');
    else if (!/[.:*]/.test(first) && first !== 'localhost')
      say(`must begin with a registry, such as docker.io/${pattern.includes('/') ? pattern : `library/${pattern}`}`);
    else if (!pattern.includes('/') && !first.includes('**')) say(`matches no repository; write ${first}/** for all of a registry`);
    else if (pattern.endsWith('/')) say('matches nothing with a slash at its end; write /** for all below it');
    else if (first === 'docker.io' && /^[^/*]+$/.test(rest)) say(`matches nothing: Docker Hub's own images are named docker.io/library/${rest}`);
    else if (first === 'index.docker.io') say('must name Docker Hub docker.io');
  },
);

/** A registry, or the beginning of a repository's path at a boundary, as mirror rules have them. */
export const registryPrefix = z.string().transform((text, context): string => {
  const first = text.split('/')[0] ?? '';
  const named = /[.:]/.test(first) || first === 'localhost';
  // Two segments more keep Docker Hub's `library/` out of it.
  const parsed = parseRepository(`${text}/x/x`);
  if (named && parsed.ok && validPort(first)) {
    const { registry, repository } = parsed.value;
    return `${registry}/${repository}`.slice(0, -'/x/x'.length);
  }
  const message = named ? 'must be a registry or registry/path, in lower case and without tag' : 'must begin with a registry, such as docker.io/library';
  context.addIssue({ code: 'custom', message });
  return z.NEVER;
});

/** `host[:port]`, or `*.domain[:port]` for every host below a domain. */
export const registryHost = z.string().transform((text, context): string => {
  const host = text.toLowerCase();
  const plain = host.replace(/^\*\./, '').replace(/:[0-9]{1,5}$/, '');
  const bracketed = /^\[([0-9a-f:.]{2,45})\]$/.exec(plain);
  const named = bracketed === null ? hostForm.test(plain) : isIP(bracketed[1] ?? '') === 6 && !host.startsWith('*');
  // `*.com` would list half the world; below an only label there is nothing that anybody owns.
  const narrow = !host.startsWith('*.') || /[a-z-]/.test(plain);
  if (named && narrow && validPort(host)) return host === 'index.docker.io' ? 'docker.io' : host;
  const message =
    /^[a-z]+:\/\//.test(host) || host.includes('/')
      ? 'must be a host without scheme and path, such as registry.corp:5000'
      : 'must be a host, a host:port, or *.domain';
  context.addIssue({ code: 'custom', message });
  return z.NEVER;
});

function validPort(host: string): boolean {
  const port = /:([0-9]+)$/.exec(host.replace(/^\[[^\]]*\]/, ''))?.[1];
  return port === undefined || (Number(port) >= 1 && Number(port) <= 65535);
}

export const platform = z
  .string()
  .regex(/^[a-z0-9]+\/[a-z0-9_]+(?:\/[a-z0-9]+)?$/, 'must be os/architecture or os/architecture/variant, such as linux/arm64')
  .max(64);

export const digest = z.string().refine(isDigest, 'must be a digest: sha256: and 64 lower-case hex digits');

/** Name of a Kubernetes object. https://kubernetes.io/docs/concepts/overview/working-with-objects/names/ */
export const objectName = z.string().regex(/^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/, 'must be the name of a Kubernetes object');

/** A list with no entry twice. */
export function distinct<T extends z.ZodType<string>>(entry: T, most = 256) {
  return z
    .array(entry)
    .max(most)
    .superRefine((entries, context) => {
      entries.forEach((value, i) => {
        if (entries.indexOf(value) !== i) context.addIssue({ code: 'custom', path: [i], message: 'is there twice' });
      });
    });
}
