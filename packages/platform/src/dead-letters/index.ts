export {
  type DeadLetter,
  type DeadLetterQuery,
  DeadLetterService,
  type DeadLetterSummary,
} from './service.js';
