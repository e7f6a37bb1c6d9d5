import * as pkijs from 'pkijs';

/** Where a certificate says that its revocation can be asked for. */
export interface RevocationPlaces {
  /** Addresses of OCSP responders (RFC 5280 section 4.2.2.1); null where it names none. Those that can't be asked over HTTP are left out. */
  readonly ocsp: readonly string[] | null;
  /** Addresses of lists of revoked certificates (section 4.2.1.13) that are complete and by the certificate's own issuer; null where it names none. */
  readonly crl: readonly string[] | null;
}

const uniformResourceIdentifier = 6;
const mostPlaces = 4;
const longestAddress = 2048;

/** Reads both extensions. What can not be read names a place that can't be asked. */
export function readRevocationPlaces(access: pkijs.Extension | undefined, points: pkijs.Extension | undefined): RevocationPlaces {
  return { ocsp: readResponders(access), crl: readPoints(points) };
}

function readResponders(extension: pkijs.Extension | undefined): readonly string[] | null {
  if (extension === undefined) return null;
  const value = extension.parsedValue;
  if (!(value instanceof pkijs.InfoAccess)) return [];
  const named = value.accessDescriptions.filter(({ accessMethod }) => accessMethod === pkijs.id_ad_ocsp);
  return named.length === 0 ? null : addressesOf(named.map(({ accessLocation }) => accessLocation));
}

function readPoints(extension: pkijs.Extension | undefined): readonly string[] | null {
  if (extension === undefined) return null;
  const value = extension.parsedValue;
  if (!(value instanceof pkijs.CRLDistributionPoints)) return [];
  // Lists for some reasons only, and those by somebody else, are no answer for all.
  const whole = value.distributionPoints.filter(({ reasons, cRLIssuer }) => reasons === undefined && cRLIssuer === undefined);
  return addressesOf(whole.flatMap(({ distributionPoint }) => (Array.isArray(distributionPoint) ? distributionPoint : [])));
}

function addressesOf(names: readonly pkijs.GeneralName[]): readonly string[] {
  const written: readonly unknown[] = names.filter(({ type }) => type === uniformResourceIdentifier).map(({ value }): unknown => value);
  const addresses = written.filter((each): each is string => typeof each === 'string' && each.length <= longestAddress && isWeb(each));
  return [...new Set(addresses)].slice(0, mostPlaces);
}

function isWeb(address: string): boolean {
  return URL.canParse(address) && /^https?:$/.test(new URL(address).protocol);
}
