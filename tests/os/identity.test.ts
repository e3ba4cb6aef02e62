import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Certificate, CertificateClaims } from '../../src/core/certificate.ts';
import { generateKeys, issueCertificate, makeVerifier } from '../../src/os/identity.ts';

const keys = generateKeys();
const verify = makeVerifier(keys.publicKey);
const claims = { app: 'shop', service: 'users', slot: 1, epoch: 3, mayCall: ['orders'], issuedAt: 1 };
const good = issueCertificate(claims, keys.privateKey);
const signed = (value: unknown): Certificate => issueCertificate(value as CertificateClaims, keys.privateKey);

test('a certificate of this run gives its claims', () => {
  assert.deepEqual(verify(good), claims);
  const gateway = { ...claims, service: 'gateway:public', mayCall: ['*'] };
  assert.deepEqual(verify(signed(gateway)), gateway);
});

test('a certificate of another run gives nothing', () => {
  assert.equal(verify(issueCertificate(claims, generateKeys().privateKey)), undefined);
});

test('a certificate with one bit changed at any place gives nothing (N-15)', () => {
  const flip = (text: string, at: number, bit: number): string =>
    text.slice(0, at) + String.fromCharCode(text.charCodeAt(at) ^ (1 << bit)) + text.slice(at + 1);
  for (const field of ['text', 'signature'] as const) {
    for (let at = 0; at < good[field].length; at++) {
      for (let bit = 0; bit < 8; bit++) {
        const changed = { ...good, [field]: flip(good[field], at, bit) };
        assert.equal(verify(changed), undefined, `${field} ${String(at)} ${String(bit)}`);
      }
    }
  }
});

test('what is no certificate gives nothing and throws nothing', () => {
  const values = [
    {},
    { text: 5, signature: 6 },
    { text: good.text },
    { ...good, signature: '' },
    { ...good, signature: 'é'.repeat(88) },
  ];
  for (const value of values) assert.equal(verify(value as unknown as Certificate), undefined);
  assert.equal(verify({ ...good, text: 'x'.repeat(10_000_000) }), undefined);
  assert.equal(verify({ ...good, text: '\ud800' }), undefined);
});

test('claims that are signed but not as they should be give nothing', () => {
  const wrong = [null, 5, [], { ...claims, app: '' }, { ...claims, service: 'a b' }, { ...claims, slot: 0 }];
  const more = [
    { ...claims, epoch: 1.5 },
    { ...claims, mayCall: 'orders' },
    { ...claims, mayCall: [1] },
    { ...claims, issuedAt: '1' },
  ];
  for (const value of [...wrong, ...more])
    assert.equal(verify(signed(value)), undefined, JSON.stringify(value));
});
