import { lineAt, visitNodes } from '../source.mjs';

const members = {
  'Date.now': ['clock', 'take the time from the Clock that is passed in, not Date.now'],
  'performance.now': ['clock', 'take the time from the Clock that is passed in, not performance.now'],
  'Math.random': ['random', 'take randomness from the Random that is passed in, not Math.random'],
  'process.env': ['environment', 'settings are passed in; only cli reads process.env'],
};
const timers = new Set(['setTimeout', 'setInterval']);
const timerModules = new Set(['node:timers', 'node:timers/promises', 'timers', 'timers/promises']);

/** What each kind of code may not use: everything in product code, less in tests, in cli and in the testing package. */
function bannedIn(source) {
  if (source.packageName === undefined) {
    return /^(tests|bench)\//.test(source.path) ? new Set(['random', 'any']) : new Set();
  }
  // Configuration of build tools beside src runs on the developer's machine, like everything in tools.
  if (!source.path.startsWith(`packages/${source.packageName}/src/`)) return new Set(['any']);
  if (source.packageName === 'cli') return new Set(['random', 'any']);
  if (source.test || source.packageName === 'testing') return new Set(['random', 'any', 'console']);
  return new Set(['clock', 'random', 'environment', 'console', 'any']);
}

/** The bans: ambient time, randomness, environment and console, and the type `any`. */
export function checkBans(source) {
  const banned = bannedIn(source);
  if (banned.size === 0) return [];
  const findings = [];
  visitNodes(source.ast, (node) => {
    const [rule, message] = offence(node) ?? [];
    if (rule !== undefined && banned.has(rule))
      findings.push({ rule, path: source.path, line: lineAt(source, node.start), message });
  });
  return findings;
}

function offence(node) {
  switch (node.type) {
    case 'TSAnyKeyword':
      return ['any', 'say what the type is; unknown where it cannot be known'];
    case 'MemberExpression':
      return memberOffence(node);
    case 'CallExpression':
      if (node.callee.type === 'Identifier' && timers.has(node.callee.name))
        return ['clock', `wait with the Clock that is passed in, not ${node.callee.name}`];
      return undefined;
    case 'NewExpression':
      if (node.callee.type === 'Identifier' && node.callee.name === 'Date' && node.arguments.length === 0)
        return ['clock', 'take the time from the Clock that is passed in, not new Date()'];
      return undefined;
    case 'ImportDeclaration':
      return importOffence(node);
    default:
      return undefined;
  }
}

function memberOffence(node) {
  const object = node.object.type === 'Identifier' ? node.object.name : globalMember(node.object);
  if (object === undefined) return undefined;
  if (object === 'console') return ['console', 'log through the Logger that is passed in, not console'];
  const property = node.computed ? node.property.value : node.property.name;
  if (object === 'globalThis' && timers.has(property))
    return ['clock', `wait with the Clock that is passed in, not ${property}`];
  return members[`${object}.${property}`];
}

/** The `Math` of `globalThis.Math.random()`. */
function globalMember(node) {
  if (node.type !== 'MemberExpression' || node.computed || node.object.type !== 'Identifier')
    return undefined;
  return node.object.name === 'globalThis' ? node.property.name : undefined;
}

function importOffence(node) {
  if (timerModules.has(node.source.value))
    return ['clock', `wait with the Clock that is passed in, not ${node.source.value}`];
  const names = node.specifiers.map((specifier) => specifier.imported?.name);
  if (/^(node:)?process$/.test(node.source.value) && names.includes('env')) return members['process.env'];
  if (/^(node:)?perf_hooks$/.test(node.source.value)) return members['performance.now'];
  return undefined;
}
