import { parseClientId } from '@millrace/contracts';
import { Type } from 'typebox';
import { defineRoute } from '../../api/route.js';
import { Certificate, cursorQuery, pageSchema, strict } from '../../api/schemas.js';
import { iso, isoAt } from '../../api/times.js';
import { pageOf } from '../../registry/model.js';
import { type CertificateRecord, certificateState } from '../model.js';

const show = (one: CertificateRecord, nowMs: number) => ({
  serial: one.serial,
  device_id: parseClientId(one.commonName)?.deviceId ?? one.commonName,
  common_name: one.commonName,
  fingerprint256: one.fingerprint256,
  not_before: isoAt(one.notBefore),
  not_after: isoAt(one.notAfter),
  revoked_at: iso(one.revokedAt),
  state: certificateState(one, nowMs),
});

export const issueCertificate = defineRoute({
  method: 'POST',
  url: '/v1/certificates',
  operationId: 'issue-certificate',
  summary: 'Certify the key of a signing request for a registered device or gateway.',
  group: 'Identity',
  permission: 'certificates:issue',
  body: strict({
    device_id: Type.String({ maxLength: 64, description: 'The device or gateway.' }),
    csr: Type.String({
      maxLength: 10_000,
      description: 'PKCS #10 in PEM: EC P-256, CN = device id or tenant::device id.',
    }),
  }),
  answer: Type.Object({
    certificate: Type.String({ description: 'PEM.' }),
    chain: Type.String({ description: 'PEM: the certificate, then its issuer, without the root.' }),
    ca: Type.String({ description: 'PEM: the root.' }),
    serial: Type.String({ description: 'Lower-case hex.' }),
    not_after: Type.String({ format: 'date-time', description: 'End of validity.' }),
  }),
  handler: async ({ body, tenant, services, reply }) => {
    const { identity } = services;
    const issued = await identity.issue(tenant, body.device_id, body.csr);
    reply.code(201);
    return {
      certificate: issued.pem,
      chain: issued.pem + identity.pki.operationsPem,
      ca: identity.pki.rootPem,
      serial: issued.serial,
      not_after: isoAt(issued.notAfter),
    };
  },
});

export const listCertificates = defineRoute({
  method: 'GET',
  url: '/v1/certificates',
  operationId: 'list-certificates',
  summary: 'Certificates of devices and gateways, newest first.',
  group: 'Identity',
  permission: 'certificates:read',
  query: strict(cursorQuery),
  answer: pageSchema(Certificate),
  handler: async ({ query, tenant, services }) => {
    const now = services.clock.nowMs();
    const rows = await services.identity.list(tenant.tenantId);
    const question = { sort: '-not_before', limit: query.limit ?? 100, cursor: query.cursor };
    return pageOf(
      rows.map((one) => show(one, now)),
      question,
      (one) => one.not_before,
      (one) => one.serial,
    );
  },
});

export const getCa = defineRoute({
  method: 'GET',
  url: '/v1/certificates/ca',
  operationId: 'get-ca',
  summary: 'The root certificate that clients trust.',
  group: 'Identity',
  permission: 'fleet:read',
  answer: Type.Object({ ca: Type.String({ description: 'PEM.' }) }),
  handler: async ({ services }) => ({ ca: services.identity.pki.rootPem }),
});

export const revokeCertificate = defineRoute({
  method: 'DELETE',
  url: '/v1/certificates/:serial',
  operationId: 'revoke-certificate',
  summary: 'Revoke a certificate and end its connection.',
  group: 'Identity',
  permission: 'certificates:issue',
  params: strict({ serial: Type.String({ maxLength: 64, description: 'Serial, lower-case hex.' }) }),
  handler: async ({ params, tenant, services }) => {
    await services.identity.revoke(tenant.tenantId, params.serial);
    return undefined;
  },
});
