import { bad, good, type Outcome } from '../domain/fault.ts';
import { isObject } from '../domain/json.ts';
import { type Followed, type FollowedKind, type FollowOptions, followObjects } from './informer.ts';

const api = { group: 'tidewaiter.dev', version: 'v1' } as const;

function kindOf(words: string, plural: string): FollowedKind {
  return {
    words,
    path: `/apis/${api.group}/${api.version}/${plural}`,
    pageSize: 100,
    absent: 'the cluster has no such kind; apply manifests/ again',
    grant: 'manifests/ again',
    list(library, config) {
      const objects = config.makeApiClient(library.CustomObjectsApi);
      return (page, options) => objects.listClusterCustomObject({ ...api, plural, ...page }, options);
    },
  };
}

const kinds = [
  { kind: 'ImageException', followed: kindOf('ImageExceptions', 'imageexceptions') },
  { kind: 'ClusterImageException', followed: kindOf('ClusterImageExceptions', 'clusterimageexceptions') },
] as const;

/** Of each kind; the webhook lets no namespace have more than 500. */
const mostExceptions = 50_000;

/**
 * Follows the exceptions of a cluster, of both kinds. Keys are `Kind namespace/name`; objects have their kind, whether or not the API
 * server repeats it in a list. Fault: CONFIG_INVALID.
 */
export async function watchImageExceptions(options: Omit<FollowOptions, 'most'>): Promise<Outcome<Followed>> {
  const opened: Followed[] = [];
  const close = (): void => {
    for (const each of opened) each.close();
  };
  // At once: the two have one patience.
  const outcomes = await Promise.all(
    kinds.map(({ kind, followed }) =>
      followObjects(followed, {
        ...options,
        most: mostExceptions,
        put: (key, object) => options.put(`${kind} ${key}`, isObject(object) ? { ...object, apiVersion: `${api.group}/${api.version}`, kind } : object),
        drop: (key) => options.drop(`${kind} ${key}`),
      }),
    ),
  );
  for (const outcome of outcomes) if (outcome.ok) opened.push(outcome.value);
  const failed = outcomes.find((outcome) => !outcome.ok);
  if (failed !== undefined && !failed.ok) {
    close();
    return bad(failed.fault.code, failed.fault.message, { cause: failed.fault.cause });
  }
  return good({ state: () => opened.map((each) => each.state()).find((state) => !state.ok) ?? good(undefined), close });
}
