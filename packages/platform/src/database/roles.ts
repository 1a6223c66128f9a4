import { createHmac } from 'node:crypto';
import type { Pool } from 'pg';

/** The two roles besides the owner (see README.md). */
export const roleNames = { app: 'millrace_app', ingest: 'millrace_ingest' } as const;

/** Address of the same database as another role. */
export function roleUrl(ownerUrl: string, role: string): string {
  const url = new URL(ownerUrl);
  url.password = rolePassword(ownerUrl, role);
  url.username = role;
  return url.toString();
}

/**
 * A role's password follows from the owner's, so there is one secret to keep, and two platforms on one server agree.
 */
export function rolePassword(ownerUrl: string, role: string): string {
  return createHmac('sha256', decodeURIComponent(new URL(ownerUrl).password))
    .update(role)
    .digest('base64url');
}

/** Creates the roles where they are missing, and sets their rights and passwords. Safe to repeat. */
export async function ensureRoles(owner: Pool, ownerUrl: string): Promise<void> {
  for (const [role, rights] of [
    [roleNames.app, 'LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS'],
    [roleNames.ingest, 'LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE BYPASSRLS'],
  ] as const) {
    await owner.query(`DO $$ BEGIN
      IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '${role}') THEN CREATE ROLE ${role}; END IF; END $$`);
    await owner.query(`ALTER ROLE ${role} ${rights} PASSWORD '${rolePassword(ownerUrl, role)}'`);
  }
  await owner.query(`REVOKE CREATE ON SCHEMA public FROM PUBLIC`);
  await owner.query(`GRANT USAGE ON SCHEMA public TO ${roleNames.app}, ${roleNames.ingest}`);
  await owner.query(`ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC`);
}
