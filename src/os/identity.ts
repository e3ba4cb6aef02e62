/**
 * Signs and verifies birth certificates (Ed25519). The supervisor issues with the key of this run, everybody who
 * accepts a connection verifies. Refuses, without throwing, whatever is not exactly what was signed.
 */
import { createPrivateKey, createPublicKey, generateKeyPairSync, sign, verify } from 'node:crypto';
import type { Certificate, CertificateClaims } from '../core/certificate.ts';
import { isName } from '../core/ids.ts';
import { bounds } from '../core/bounds.ts';

export interface RunKeys {
  /** base64 of SPKI DER. */
  readonly publicKey: string;
  /** base64 of PKCS #8 DER. */
  readonly privateKey: string;
}

/** Room for an app of `bounds.instances` services that all may be called. */
const longestText = 128 * 1_024;
const signatureBytes = 64;

export function generateKeys(): RunKeys {
  const pair = generateKeyPairSync('ed25519', {
    publicKeyEncoding: { type: 'spki', format: 'der' },
    privateKeyEncoding: { type: 'pkcs8', format: 'der' },
  });
  return { publicKey: pair.publicKey.toString('base64'), privateKey: pair.privateKey.toString('base64') };
}

export function issueCertificate(claims: CertificateClaims, privateKey: string): Certificate {
  const key = createPrivateKey({ key: Buffer.from(privateKey, 'base64'), format: 'der', type: 'pkcs8' });
  const text = JSON.stringify(claims);
  return { text, signature: sign(null, Buffer.from(text), key).toString('base64') };
}

/** Gives the claims of a certificate signed with the key of this run, and undefined for everything else. */
export function makeVerifier(publicKey: string): (certificate: Certificate) => CertificateClaims | undefined {
  const key = createPublicKey({ key: Buffer.from(publicKey, 'base64'), format: 'der', type: 'spki' });
  return (certificate) => {
    const { text, signature } = certificate as Partial<Record<keyof Certificate, unknown>>;
    if (typeof text !== 'string' || text.length > longestText || !text.isWellFormed()) return undefined;
    const bytes = exactBase64(signature);
    if (bytes === undefined || !verify(null, Buffer.from(text), key, bytes)) return undefined;
    return readClaims(text);
  };
}

/** Node's decoder overlooks stray bits and letters; a signature has one spelling here. */
function exactBase64(text: unknown): Buffer | undefined {
  if (typeof text !== 'string' || text.length > 2 * signatureBytes) return undefined;
  const bytes = Buffer.from(text, 'base64');
  return bytes.length === signatureBytes && bytes.toString('base64') === text ? bytes : undefined;
}

/** Signed by us, so it is well-formed unless another version signed it: the check is for that. */
function readClaims(text: string): CertificateClaims | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const { app, service, slot, epoch, mayCall, issuedAt } = value as Record<keyof CertificateClaims, unknown>;
  if (!isText(app) || !isName(app) || !isText(service) || !service.split(':').every(isName)) return undefined;
  if (!isCount(slot) || !isCount(epoch) || !isTexts(mayCall) || !Number.isFinite(issuedAt)) return undefined;
  return { app, service, slot, epoch, mayCall, issuedAt: Number(issuedAt) };
}

const isText = (value: unknown): value is string => typeof value === 'string';
const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 1;
const isTexts = (value: unknown): value is string[] =>
  Array.isArray(value) && value.length <= bounds.instances && value.every(isText);
