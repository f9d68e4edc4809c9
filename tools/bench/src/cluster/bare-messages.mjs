import { connect, createInbox } from '@nats-io/transport-node';

/**
 * The same messages as those of a cluster, with NATS alone: one question goes to each queue group of a subject, and the answers are counted.
 *
 * @param {string} url of the server
 */
export async function openBareMessages(url) {
  const client = await connect({ servers: new URL(url).host, noAsyncTraces: true });
  const inbox = createInbox();
  const open = new Map();
  let lastQuestion = 0;
  client.subscribe(`${inbox}.*`, {
    callback: (error, { subject }) => {
      const question = open.get(subject);
      if (error !== null || question === undefined) return;
      question.missing -= 1;
      if (question.missing > 0) return;
      open.delete(subject);
      question.resolve();
    },
  });
  await client.flush();
  return {
    /** Resolves when so many answers have come. */
    ask(subject, data, answers) {
      const reply = `${inbox}.${lastQuestion++}`;
      return new Promise((resolve) => {
        open.set(reply, { missing: answers, resolve });
        client.publish(subject, data, { reply });
      });
    },
    close: () => client.close(),
  };
}
