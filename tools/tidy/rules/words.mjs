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

/**
 * The lock file names versions and hashes only, so it installs from whatever registry a machine is set up for; and
 * it has an entry for every optional package of every platform, without which `npm ci` refuses it.
 */
function checkLockFile(path, text) {
  const finding = (line, message) => ({ rule: 'words', path, line, message });
  const lines = text.split('\n');
  const addresses = lines.flatMap((line, index) =>
    /"resolved": "(https?|git|file):/.test(line)
      ? [finding(index + 1, 'a resolved address in the lock file; install with the committed .npmrc')]
      : [],
  );
  return [...addresses, ...missingOptional(text).map((name) => finding(lineOf(lines, name), lacking(name)))];
}

function lacking(name) {
  return `the optional package ${name} has no entry, so npm ci refuses the file; restore the entry from git`;
}

function lineOf(lines, name) {
  return lines.findIndex((line) => line.includes(`"${name}"`)) + 1;
}

function missingOptional(text) {
  let packages;
  try {
    packages = JSON.parse(text).packages ?? {};
  } catch {
    return [];
  }
  return Object.entries(packages).flatMap(([at, entry]) =>
    Object.keys(entry.optionalDependencies ?? {}).filter((name) => !resolvable(packages, at, name)),
  );
}

/** npm looks for a package in the nearest node_modules first, then in those of the folders above it. */
function resolvable(packages, at, name) {
  const dirs = [at, ''];
  for (let dir = at; dir.includes('/node_modules/'); ) {
    dir = dir.slice(0, dir.lastIndexOf('/node_modules/'));
    dirs.push(dir);
  }
  return dirs.some((dir) => packages[`${dir}${dir === '' ? '' : '/'}node_modules/${name}`] !== undefined);
}
