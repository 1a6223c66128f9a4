import { lineAt, visitNodes } from '../source.mjs';

/** The longest function and file, in lines. */
export const functionLinesMax = 70;
export const fileLinesMax = 500;

const functions = new Set(['FunctionDeclaration', 'FunctionExpression', 'ArrowFunctionExpression']);

/** Functions over 70 lines (test files group cases in long callbacks, so only their files are measured). */
export function checkFunctionSizes(source) {
  if (source.test || source.path.includes('.generated.')) return [];
  const findings = [];
  visitNodes(source.ast, (node, parent) => {
    if (!functions.has(node.type)) return;
    const first = lineAt(source, node.start);
    const lines = lineAt(source, node.end) - first + 1;
    if (lines <= functionLinesMax) return;
    const name = functionName(node, parent);
    const message = `${name} has ${lines} lines, over ${functionLinesMax}; split it`;
    findings.push({ rule: 'function-size', path: source.path, line: first, name, message });
  });
  return findings;
}

function functionName(node, parent) {
  const named = node.id ?? parent?.key ?? (parent?.type === 'VariableDeclarator' ? parent.id : undefined);
  return named?.name ?? 'a function';
}

/** Files over 500 lines. */
export function checkFileSize(path, text) {
  if (!/\.(tsx?|mjs|css|sql)$/.test(path) || path.includes('.generated.')) return [];
  const lines = text.split('\n').length - 1;
  if (lines <= fileLinesMax) return [];
  const message = `the file has ${lines} lines, over ${fileLinesMax}; split it by what changes together`;
  return [{ rule: 'file-size', path, line: fileLinesMax + 1, message }];
}
