import { localSignInLink } from '../access/routes/local-sign-in-link.js';
import { createSession, deleteSession, getSession } from '../access/routes/session.js';
import { createToken, deleteToken, listTokens } from '../access/routes/tokens.js';
import {
  discardDeadLetter,
  getDeadLetter,
  listDeadLetters,
  replayDeadLetter,
  replayDeadLetters,
} from '../dead-letters/routes/dead-letters.js';
import { getAssets, getSummary } from '../fleet/routes/fleet.js';
import { getStream } from '../fleet/routes/stream.js';
import {
  getCa,
  issueCertificate,
  listCertificates,
  revokeCertificate,
} from '../identity/routes/certificates.js';
import { getDevice, listDevices, registerDevice } from '../registry/routes/devices.js';
import { getRetirement } from '../registry/routes/retirement.js';
import { healthz, metrics, readyz } from '../status/routes/status.js';
import { getTelemetry } from '../telemetry/routes/telemetry.js';
import { listCompleteness } from './completeness-routes.js';
import { getCompleteness, getGaps, listEvents } from './record-routes.js';
import type { Route } from './route.js';

/** Every operation of the API. */
export const routes: readonly Route[] = [
  healthz,
  readyz,
  metrics,
  createSession,
  getSession,
  deleteSession,
  createToken,
  listTokens,
  deleteToken,
  localSignInLink,
  getSummary,
  getAssets,
  getStream,
  listDevices,
  registerDevice,
  getDevice,
  getRetirement,
  getTelemetry,
  getGaps,
  getCompleteness,
  listCompleteness,
  listDeadLetters,
  getDeadLetter,
  replayDeadLetter,
  replayDeadLetters,
  discardDeadLetter,
  listEvents,
  getCa,
  listCertificates,
  issueCertificate,
  revokeCertificate,
];
