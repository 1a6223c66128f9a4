export {
  type DeadLetter,
  type DeadLetterQuery,
  type DeadLetterSummary,
  deadLetterStatuses,
  type ReplayReport,
  type ReplayResult,
} from './model.js';
export { DeadLetterService, replayLettersMax } from './service.js';
