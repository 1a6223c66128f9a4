/**
 * The rosters: every folder of a kind holds the same files, so a reader who knows one room knows them all.
 * `needs` are files that have to be there; a pattern needs at least one match.
 */
export const rosters = [
  {
    kind: 'device type',
    in: 'packages/contracts/src/device-types',
    needs: ['index.ts', /^v\d+\.\d+\/contract\.ts$/],
    name: /^[a-z][a-z0-9-]*$/,
  },
  {
    kind: 'driver',
    in: 'packages/edge/src/drivers',
    needs: ['README.md', 'index.ts', 'conformance.test.ts'],
    name: /^[a-z][a-z0-9-]*$/,
  },
  {
    kind: 'northbound target',
    in: 'packages/edge/src/uplinks',
    needs: ['README.md'],
    name: /^[a-z][a-z0-9-]*$/,
  },
  {
    kind: 'platform capability',
    in: 'packages/platform/src',
    needs: ['README.md'],
    name: /^[a-z][a-z0-9-]*$/,
  },
];

/** Checks every folder of every kind; `paths` are all files of the project, relative to the root. */
export function checkRosters(paths, list = rosters) {
  return list.flatMap((roster) =>
    [...foldersOf(roster, paths)].flatMap(([name, files]) => {
      const path = `${roster.in}/${name}`;
      const finding = (message) => ({ rule: 'roster', path, line: 1, message });
      const misnamed = roster.name.test(name)
        ? []
        : [finding(`a ${roster.kind} folder is named in kebab-case`)];
      return [
        ...misnamed,
        ...roster.needs
          .filter((need) => !files.some((file) => (need instanceof RegExp ? need.test(file) : file === need)))
          .map((need) => finding(`a ${roster.kind} needs ${need instanceof RegExp ? need.source : need}`)),
      ];
    }),
  );
}

function foldersOf(roster, paths) {
  const folders = new Map();
  const prefix = `${roster.in}/`;
  for (const path of paths) {
    if (!path.startsWith(prefix)) continue;
    const [name, ...rest] = path.slice(prefix.length).split('/');
    if (rest.length === 0) continue;
    folders.set(name, [...(folders.get(name) ?? []), rest.join('/')]);
  }
  return folders;
}
