import ts from 'typescript';
import { RECORDER } from './recorder-name.mjs';

/**
 * Compiles a TypeScript module to JavaScript in which every function with a body first calls the recorder. The rest equals the output of
 * `tsc`: an async function is still async, and counts once, even if it continues several times after an `await`.
 *
 * @param {string} source
 * @param {{ package: string, file: string }} where
 * @returns {string} Keys are JSON: `where`, `line` and `column` of the function in the source, and its `name`.
 */
export function countCalls(source, where) {
  const { outputText } = ts.transpileModule(source, {
    fileName: where.file,
    compilerOptions: {
      target: ts.ScriptTarget.ES2023,
      module: ts.ModuleKind.ESNext,
      verbatimModuleSyntax: true,
    },
    transformers: { before: [(context) => (file) => addCalls(file, where, context)] },
  });
  return outputText;
}

function addCalls(sourceFile, where, context) {
  const { factory } = context;
  return visit(sourceFile, []);

  /** @param names of the classes and functions around the node */
  function visit(node, names) {
    const name = nameOf(node, names.at(-1));
    const inside = name === undefined ? names : [...names, name];
    const visited = ts.visitEachChild(node, (child) => visit(child, inside), context);
    return isFunction(visited) && visited.body !== undefined ? withCall(visited, node, inside.at(-1)) : visited;
  }

  function withCall(visited, original, name) {
    const position = (original.name ?? original).getStart(sourceFile);
    const { line, character } = sourceFile.getLineAndCharacterOfPosition(position);
    const key = JSON.stringify({ ...where, line: line + 1, column: character + 1, name });
    const callee = factory.createPropertyAccessExpression(factory.createIdentifier('globalThis'), RECORDER);
    const call = factory.createCallExpression(callee, undefined, [factory.createStringLiteral(key)]);
    const statement = factory.createExpressionStatement(call);
    const body = ts.isBlock(visited.body)
      ? factory.updateBlock(visited.body, [statement, ...visited.body.statements])
      : factory.createBlock([statement, factory.createReturnStatement(visited.body)]);
    return withBody(factory, visited, body);
  }
}

function withBody(factory, node, body) {
  const { modifiers, asteriskToken, name, typeParameters, parameters, type } = node;
  switch (node.kind) {
    case ts.SyntaxKind.FunctionDeclaration:
      return factory.updateFunctionDeclaration(
        node,
        modifiers,
        asteriskToken,
        name,
        typeParameters,
        parameters,
        type,
        body,
      );
    case ts.SyntaxKind.FunctionExpression:
      return factory.updateFunctionExpression(
        node,
        modifiers,
        asteriskToken,
        name,
        typeParameters,
        parameters,
        type,
        body,
      );
    case ts.SyntaxKind.ArrowFunction:
      return factory.updateArrowFunction(
        ...[node, modifiers, typeParameters, parameters, type, node.equalsGreaterThanToken, body],
      );
    case ts.SyntaxKind.MethodDeclaration:
      return factory.updateMethodDeclaration(
        ...[node, modifiers, asteriskToken, name, node.questionToken, typeParameters, parameters, type, body],
      );
    case ts.SyntaxKind.Constructor:
      return factory.updateConstructorDeclaration(node, modifiers, parameters, body);
    case ts.SyntaxKind.GetAccessor:
      return factory.updateGetAccessorDeclaration(node, modifiers, name, parameters, type, body);
    default:
      return factory.updateSetAccessorDeclaration(node, modifiers, name, parameters, body);
  }
}

export function isFunction(node) {
  return (
    ts.isFunctionDeclaration(node) ||
    ts.isFunctionExpression(node) ||
    ts.isArrowFunction(node) ||
    ts.isMethodDeclaration(node) ||
    ts.isConstructorDeclaration(node) ||
    ts.isAccessor(node)
  );
}

/** The name that a reader would search for: `Class.method`, the variable or property of a function, or the owner of a callback. */
export function nameOf(node, around) {
  if (ts.isClassLike(node)) return node.name?.text ?? 'class';
  if (!isFunction(node)) return undefined;
  const { parent } = node;
  if (ts.isConstructorDeclaration(node)) return `${around}.constructor`;
  if (ts.isClassLike(parent)) return `${around}.${prefixOf(node)}${node.name.getText()}`;
  if (node.name !== undefined) return `${prefixOf(node)}${node.name.getText()}`;
  const target = assignedTo(node);
  if (target !== undefined) return target.getText();
  return around === undefined ? '(callback)' : `${around.replace(/ \(callback\)$/, '')} (callback)`;
}

/** The name of the variable, parameter, property or field that has the function as its value. */
function assignedTo(node) {
  const { parent } = node;
  if (ts.isVariableDeclaration(parent) || ts.isBindingElement(parent) || ts.isParameter(parent)) return parent.name;
  if (ts.isPropertyAssignment(parent) || ts.isPropertyDeclaration(parent)) return parent.name;
  if (!ts.isBinaryExpression(parent) || parent.right !== node) return undefined;
  return ts.isPropertyAccessExpression(parent.left) ? parent.left.name : parent.left;
}

function prefixOf(node) {
  if (ts.isGetAccessor(node)) return 'get ';
  return ts.isSetAccessor(node) ? 'set ' : '';
}
