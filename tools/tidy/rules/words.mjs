// The words are put together from halves, so that this file does not hold what it forbids.
const hosts = [
  ['registry.npmjs', 'org'],
  ['registry.yarnpkg', 'com'],
  ['pypi', 'org'],
  ['files.pythonhosted', 'org'],
  ['deb.debian', 'org'],
  ['security.debian', 'org'],
  ['repo1.maven', 'org'],
  ['repo.maven.apache', 'org'],
  ['proxy.golang', 'org'],
  ['static.crates', 'io'],
  ['index.crates', 'io'],
].map((halves) => halves.join('.').replaceAll('.', '\\.'));

const forbidden = [
  {
    pattern: new RegExp(`\\b(${hosts.join('|')})\\b`),
    message: 'names a registry host; the client is configured for it',
  },
  {
    pattern: new RegExp(
      `(?<![\\w.$}~-])/(${['wo' + 'rk', 'ro' + 'ot', 'ho' + 'me/[a-z]\\w*'].join('|')})/[\\w.]`,
    ),
    message: 'names a folder of one machine',
  },
  { pattern: new RegExp(`(?<![\\w-])${'fa' + 'rm'}-`), message: 'names a machine' },
];

/** Text that belongs to one machine or one person's set-up and not into the project. */
export function checkWords(path, text) {
  if (path === 'package-lock.json') return checkLockFile(path, text);
  return text
    .split('\n')
    .flatMap((line, index) =>
      forbidden
        .filter(({ pattern }) => pattern.test(line))
        .map(({ message }) => ({ rule: 'words', path, line: index + 1, message: `this line ${message}` })),
    );
}

/** The lock file names versions and hashes only, so it installs from whatever registry a machine is set up for. */
function checkLockFile(path, text) {
  return text.split('\n').flatMap((line, index) => {
    if (!/"resolved": "(https?|git|file):/.test(line)) return [];
    const message = 'a resolved address in the lock file; install with the committed .npmrc';
    return [{ rule: 'words', path, line: index + 1, message }];
  });
}
