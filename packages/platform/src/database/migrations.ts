import type { Migration } from './migrate.js';

/**
 * Every migration in the order of application. Append at the end; never edit, reorder or remove a released one.
 */
export const migrations: readonly Migration[] = [];
