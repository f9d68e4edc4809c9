import { ESLintUtils } from '@typescript-eslint/utils';
import ts from 'typescript';

/**
 * A statement that only calls a function and drops the returned `Result` may drop an error, because there is no exception.
 * `void call()` marks an intended drop. `no-floating-promises` reports a promise of a result that is not awaited.
 */
export const noIgnoredResult = ESLintUtils.RuleCreator.withoutDocs({
  meta: {
    type: 'problem',
    docs: { description: 'Require every Result to be looked at' },
    messages: {
      ignored:
        'This Result is ignored, and with it a possible error. Look at `ok`, return it, or write `void` before it.',
    },
    schema: [],
  },
  defaultOptions: [],
  create(context) {
    const services = ESLintUtils.getParserServices(context);
    const checker = services.program.getTypeChecker();
    return {
      ExpressionStatement({ expression }) {
        for (const node of droppedCalls(expression)) {
          if (mayBeResult(services.getTypeAtLocation(node), checker)) context.report({ node, messageId: 'ignored' });
        }
      },
    };
  },
});

/** The calls with a value that the statement drops, including those behind `await`, `?.`, `&&`, `? :` and commas. */
function droppedCalls(expression) {
  switch (expression.type) {
    case 'CallExpression':
    case 'AwaitExpression':
      return [expression];
    case 'ChainExpression':
      return droppedCalls(expression.expression);
    case 'LogicalExpression':
      return droppedCalls(expression.right);
    case 'ConditionalExpression':
      return [...droppedCalls(expression.consequent), ...droppedCalls(expression.alternate)];
    case 'SequenceExpression':
      return expression.expressions.flatMap(droppedCalls);
    default:
      return [];
  }
}

/**
 * Detected by shape, because inferred types lose the name `Result`: some member of the type has a literal `ok`, and `value`
 * with true or `error` with false.
 */
function mayBeResult(type, checker) {
  const members = type.isUnion() ? type.types : [type];
  return members.some((member) => {
    const ok = member.getProperty('ok');
    if (ok === undefined) return false;
    const literal = checker.typeToString(checker.getTypeOfSymbol(ok), undefined, ts.TypeFormatFlags.NoTruncation);
    return (
      (literal === 'true' && member.getProperty('value') !== undefined) ||
      (literal === 'false' && member.getProperty('error') !== undefined)
    );
  });
}
