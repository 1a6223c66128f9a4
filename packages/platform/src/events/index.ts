export { type EventQuery, EventService, type StoredEvent } from './service.js';
