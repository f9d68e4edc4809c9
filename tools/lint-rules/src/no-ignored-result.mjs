import { ESLintUtils } from '@typescript-eslint/utils';
import ts from 'typescript';

/**
 * A statement that only calls something and drops the `Result` it returns has dropped an error: there is no exception that
 * would tell. `void call()` says that dropping it is meant. A promise of a result that nobody awaits is the business of
 * `no-floating-promises`.
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

/** The calls whose value a statement drops: also behind `await`, `?.`, `&&`, `? :` and commas. */
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
 * Told by shape, because the name `Result` is lost where TypeScript infers: some member of the type has a literal `ok`, and
 * `value` with true or `error` with false.
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
