import { X509Certificate } from 'node:crypto';
import { type FSWatcher, watch } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { createSecureContext } from 'node:tls';
import type { CertificateSource, ServingCertificate } from '../domain/certificate.ts';
import { bad, good, type Outcome } from '../domain/fault.ts';
import type { Log } from '../domain/log.ts';
import { safeText } from '../domain/text.ts';
import { holdCertificate } from './certificates.ts';

export interface CertificateFiles {
  /** PEM; the serving certificate first, then its intermediates. RSA or EC. */
  readonly certFile: string;
  readonly keyFile: string;
  readonly clock: () => number;
  readonly log: Log;
  /** Milliseconds between two looks, for file systems that tell nothing. */
  readonly every?: number;
}

/** Both files are seldom replaced at the same instant. */
const settleTime = 200;

/** Serves from two files that somebody else renews. A pair that is not good is refused, and the one in use stays. */
export async function fromFiles(options: CertificateFiles): Promise<Outcome<CertificateSource>> {
  const first = await readPair(options);
  if (!first.ok) return first;
  const { log } = options;
  let told = '';
  let last = Promise.resolve();

  const look = async (): Promise<void> => {
    const pair = await readPair(options);
    if (pair.ok) holder.replace(pair.value);
    else if (told !== pair.fault.message)
      log.error({ code: pair.fault.code, reason: pair.fault.message }, 'the new serving certificate is refused; the old one stays');
    told = pair.ok ? '' : pair.fault.message;
  };
  const reload = (): void => {
    last = last.then(look);
  };
  const timer = setInterval(reload, options.every ?? 30_000);
  timer.unref();
  let settling: NodeJS.Timeout | undefined;
  const watchers = watchDirectories([dirname(options.certFile), dirname(options.keyFile)], () => {
    clearTimeout(settling);
    settling = setTimeout(reload, settleTime);
    settling.unref();
  });
  const holder = holdCertificate(first.value, () => {
    clearInterval(timer);
    clearTimeout(settling);
    for (const watcher of watchers) watcher.close();
  });
  return good(holder);
}

/** Directories, not files: cert-manager and the kubelet replace a file, or a link in its path, and a file's watch would follow the old one. */
function watchDirectories(directories: readonly string[], onEvent: () => void): FSWatcher[] {
  return [...new Set(directories)].flatMap((directory) => {
    try {
      const watcher = watch(directory, { persistent: false }, onEvent);
      // A watch that breaks is no loss: the timer looks as well.
      watcher.on('error', () => watcher.close());
      return [watcher];
    } catch {
      return [];
    }
  });
}

async function readPair({ certFile, keyFile, clock }: CertificateFiles): Promise<Outcome<ServingCertificate>> {
  const cert = await readText(certFile);
  const key = await readText(keyFile);
  const certName = safeText(certFile);
  const keyName = safeText(keyFile);
  if (cert === null) return bad('CONFIG_INVALID', `server.tls.certFile ${certName} can't be read`);
  if (key === null) return bad('CONFIG_INVALID', `server.tls.keyFile ${keyName} can't be read`);
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(cert);
  } catch {
    return bad('CONFIG_INVALID', `server.tls.certFile ${certName} holds no PEM certificate`);
  }
  if (certificate.validToDate.getTime() <= clock())
    return bad('CONFIG_INVALID', `the certificate in ${certName} expired at ${certificate.validToDate.toISOString()}`);
  try {
    createSecureContext({ cert, key });
  } catch (error) {
    return bad('CONFIG_INVALID', `the key in ${keyName} does not belong to the certificate in ${certName}, or can't be read without a passphrase`, {
      cause: error,
    });
  }
  return good({ cert, key, ca: null });
}

async function readText(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8');
  } catch {
    return null;
  }
}
