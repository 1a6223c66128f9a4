import { parseAst } from 'rolldown/parseAst';

/**
 * Reads a TypeScript or JavaScript file into what the rules look at: its syntax tree, the package it belongs to and
 * what kind of file it is. `path` is relative to the root. A file that cannot be parsed has an `error` instead.
 */
export function readSource(path, text) {
  const source = {
    path,
    text,
    lines: lineStarts(text),
    packageName: packageOf(path),
    test: isTestFile(path),
  };
  const lang = path.endsWith('.tsx') ? 'tsx' : path.endsWith('.ts') ? 'ts' : 'js';
  try {
    return { ...source, ast: parseAst(text, { lang }, path) };
  } catch (error) {
    return {
      ...source,
      ast: { type: 'Program', body: [], start: 0, end: 0 },
      error: error.message.split('\n')[0],
    };
  }
}

/** Test files, and the two kinds of support files that only they use. */
export function isTestFile(path) {
  return /\.test\.(tsx?|mjs)$/.test(path) || /(^|\/)(conformance|peer)\.ts$/.test(path);
}

function packageOf(path) {
  return /^packages\/([^/]+)\//.exec(path)?.[1];
}

function lineStarts(text) {
  const starts = [0];
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) starts.push(at + 1);
  return starts;
}

/** The line (from 1) of a place in the text. */
export function lineAt(source, offset) {
  let low = 0;
  let high = source.lines.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (source.lines[middle] <= offset) low = middle;
    else high = middle - 1;
  }
  return low + 1;
}

/** Calls `visit(node, parent)` for every node of a syntax tree, parents first. */
export function visitNodes(node, visit, parent) {
  visit(node, parent);
  for (const key of Object.keys(node)) {
    const value = node[key];
    if (Array.isArray(value)) {
      for (const item of value)
        if (item !== null && typeof item?.type === 'string') visitNodes(item, visit, node);
    } else if (value !== null && typeof value?.type === 'string') visitNodes(value, visit, node);
  }
}

/** Everything a file imports or exports from elsewhere: `{from, typeOnly, offset}`. */
export function importsOf(source) {
  const found = [];
  visitNodes(source.ast, (node) => {
    const from = node.source?.value ?? node.argument?.literal?.value;
    switch (node.type) {
      case 'ImportDeclaration':
        found.push({ from, typeOnly: isTypeImport(node), offset: node.start });
        break;
      case 'ExportNamedDeclaration':
      case 'ExportAllDeclaration':
        if (node.source) found.push({ from, typeOnly: node.exportKind === 'type', offset: node.start });
        break;
      case 'ImportExpression':
        if (typeof from === 'string') found.push({ from, typeOnly: false, offset: node.start });
        break;
      case 'TSImportType': {
        const name = node.source?.value ?? node.argument?.literal?.value ?? node.argument?.value;
        if (typeof name === 'string') found.push({ from: name, typeOnly: true, offset: node.start });
        break;
      }
    }
  });
  return found;
}

function isTypeImport(node) {
  if (node.importKind === 'type') return true;
  return node.specifiers.length > 0 && node.specifiers.every((specifier) => specifier.importKind === 'type');
}
