/**
 * Settings of the embedded server, as `-c name=value` flags. Durability is not negotiable here: an acknowledgement
 * says that a row survives a power cut.
 */
export function serverFlags(port: number): string[] {
  const settings: Record<string, string> = {
    listen_addresses: '127.0.0.1',
    port: String(port),
    unix_socket_directories: '',
    max_connections: '64',
    fsync: 'on',
    synchronous_commit: 'on',
    full_page_writes: 'on',
    shared_buffers: '256MB',
    // Checkpoints every few minutes and not every few seconds at full load; each one repeats full-page images.
    min_wal_size: '256MB',
    max_wal_size: '4GB',
    checkpoint_timeout: '10min',
    wal_buffers: '16MB',
    wal_compression: 'on',
    password_encryption: 'scram-sha-256',
    timezone: 'UTC',
    log_timezone: 'UTC',
    lc_messages: 'C',
    jit: 'off',
    log_min_messages: 'warning',
    // Errors of single statements are answered to their sender; only the server's own troubles are logged.
    log_min_error_statement: 'panic',
  };
  return Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
}
