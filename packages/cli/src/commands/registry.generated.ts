// Generated from the files of this folder; a test compares the two.
import type { CommandSpec } from '../command.js';
import { broker } from './broker.js';
import { certificateIssue } from './certificate/issue.js';
import { configCheck } from './config/check.js';
import { contractCompat } from './contract/compat.js';
import { contractRetire } from './contract/retire.js';
import { contractShow } from './contract/show.js';
import { contractTest } from './contract/test.js';
import { deadLetterDiscard } from './dead-letter/discard.js';
import { deadLetterList } from './dead-letter/list.js';
import { deadLetterReplay } from './dead-letter/replay.js';
import { deadLetterShow } from './dead-letter/show.js';
import { demo } from './demo.js';
import { deviceAdd } from './device/add.js';
import { deviceImport } from './device/import.js';
import { deviceList } from './device/list.js';
import { edge } from './edge.js';
import { fieldFault } from './field/fault.js';
import { fieldReplay } from './field/replay.js';
import { fieldRun } from './field/run.js';
import { fieldStatus } from './field/status.js';
import { prove } from './prove.js';
import { signInLink } from './sign-in-link.js';
import { status } from './status.js';
import { tokenCreate } from './token/create.js';
import { tokenList } from './token/list.js';
import { tokenRevoke } from './token/revoke.js';
import { up } from './up.js';

export const commands: readonly CommandSpec[] = [
  demo,
  up,
  edge,
  fieldRun,
  fieldFault,
  fieldReplay,
  fieldStatus,
  broker,
  deviceAdd,
  deviceImport,
  deviceList,
  certificateIssue,
  tokenCreate,
  tokenList,
  tokenRevoke,
  signInLink,
  configCheck,
  contractTest,
  contractCompat,
  contractShow,
  contractRetire,
  status,
  prove,
  deadLetterList,
  deadLetterShow,
  deadLetterReplay,
  deadLetterDiscard,
];
