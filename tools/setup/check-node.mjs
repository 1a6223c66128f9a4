// This file is imported first and by every Node there is, so it uses nothing newer than Node 14 knows.

/** The oldest Node that Millrace runs on. */
export const oldestNode = [20, 19];

/** Whether a version such as "v20.20.2" is new enough. */
export function nodeIsNewEnough(version) {
  const parts = version.replace(/^v/, '').split('.').map(Number);
  return parts[0] > oldestNode[0] || (parts[0] === oldestNode[0] && parts[1] >= oldestNode[1]);
}

if (!nodeIsNewEnough(process.version)) {
  process.stderr.write(
    `Millrace needs Node ${oldestNode.join('.')} or newer, and this is Node ${process.version}; install a newer Node and run the command again.\n`,
  );
  process.exit(1);
}
