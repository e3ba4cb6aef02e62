/**
 * A birth certificate says who an instance is and what it may call. The keeper's key of this run signs it;
 * whoever accepts a connection verifies it once, at hello. Signing and verifying need crypto and live outside core.
 */
import type { InstanceRef } from './ids.ts';

export interface CertificateClaims extends InstanceRef {
  readonly app: string;
  /** Names of services; `*` for what is ours (gateways) and for the operator. */
  readonly mayCall: readonly string[];
  /** Epoch milliseconds, for people. */
  readonly issuedAt: number;
}

/** `text` is the JSON of the claims, exactly as signed; `signature` is base64 of 64 bytes. */
export interface Certificate {
  readonly text: string;
  readonly signature: string;
}

export const mayCall = (claims: CertificateClaims, service: string): boolean =>
  claims.mayCall.includes(service) || claims.mayCall.includes('*');
