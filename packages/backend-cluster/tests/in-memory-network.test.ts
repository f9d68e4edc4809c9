import { describe, expect, it } from 'vitest';
import { InMemoryNetwork, ManualClock, TransportError, type ClusterTransport } from '@gearshift/backend-cluster';

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const bytes = (message: string) => new TextEncoder().encode(message);

function start(options = {}) {
  const clock = new ManualClock();
  const network = new InMemoryNetwork({ clock, ...options });
  return { clock, network, a: network.connect('a'), b: network.connect('b'), c: network.connect('c') };
}

function echo(transport: ClusterTransport, name: string, queue?: string): () => void {
  return transport.watch('echo', queue === undefined ? {} : { queue }, ({ data, respond }) =>
    respond(bytes(`${name} ${text(data)}`)),
  );
}

const failing = (asking: Promise<unknown>) =>
  asking.then(
    () => expect.fail('there was an answer'),
    (error: unknown) => {
      expect(error).toBeInstanceOf(TransportError);
      return (error as TransportError).reason;
    },
  );

describe('an in-memory network', () => {
  it('brings a question to a receiver and its answer back, in the time of both links', async () => {
    const { clock, network, a, b } = start();
    network.setLink('a', { delayMs: 3 });
    network.setLink('b', { delayMs: 4 });
    echo(b, 'b');
    const asking = a.ask('echo', bytes('hello'), { timeoutMs: 100 });
    expect(text(await clock.advanceUntil(asking))).toBe('b hello');
    expect(clock.nowMs()).toBe(14);
  });

  it('says at once that there is no receiver', async () => {
    const { clock, a } = start();
    expect(await clock.advanceUntil(failing(a.ask('nothing', bytes(''), { timeoutMs: 1000 })))).toBe('no-receiver');
    expect(clock.nowMs()).toBeLessThanOrEqual(1);
  });

  it('fails a question without an answer when its time is over', async () => {
    const { clock, a, b } = start();
    b.watch('echo', {}, () => {});
    expect(await clock.advanceUntil(failing(a.ask('echo', bytes(''), { timeoutMs: 25 })))).toBe('timeout');
    expect(clock.nowMs()).toBe(25);
  });

  it('fails waiting questions when the connection is lost or closed, or the signal is aborted', async () => {
    const { network, a, b, c } = start();
    b.watch('echo', {}, () => {});
    const changes: boolean[] = [];
    a.onConnection((isConnected) => changes.push(isConnected));
    const lost = failing(a.ask('echo', bytes(''), { timeoutMs: 1000 }));
    network.disconnect('a');
    expect(await lost).toBe('disconnected');
    expect(a.connected).toBe(false);
    expect(await failing(a.ask('echo', bytes(''), { timeoutMs: 1000 }))).toBe('disconnected');
    expect(() => a.send('echo', bytes(''))).toThrow('there is no connection');
    network.reconnect('a');
    expect(changes).toEqual([false, true]);
    const controller = new AbortController();
    const aborted = failing(a.ask('echo', bytes(''), { timeoutMs: 1000, signal: controller.signal }));
    controller.abort();
    expect(await aborted).toBe('aborted');
    const closed = failing(c.ask('echo', bytes(''), { timeoutMs: 1000 }));
    await c.close();
    expect(await closed).toBe('closed');
  });

  it('refuses messages that are too large', async () => {
    const { a } = start({ maxPayloadBytes: 1024 });
    expect(await failing(a.ask('echo', new Uint8Array(1025), { timeoutMs: 10 }))).toBe('too-large');
  });

  it('gives a message to one member of each queue group and to every receiver without one', async () => {
    const { clock, a, b, c, network } = start();
    const d = network.connect('d');
    echo(b, 'b', 'one');
    echo(c, 'c', 'one');
    echo(d, 'd', 'two');
    echo(a, 'a');
    const seen = new Set<string>();
    for (let round = 0; round < 40; round++) {
      const answers: string[] = [];
      const asking = a.askAll('echo', bytes('x'), { timeoutMs: 5 }, (answer) => {
        answers.push(text(answer));
        return answers.length === 3;
      });
      await clock.advanceUntil(asking);
      expect(answers.filter((answer) => answer === 'b x' || answer === 'c x')).toHaveLength(1);
      expect(answers).toEqual(expect.arrayContaining(['a x', 'd x']));
      for (const answer of answers) seen.add(answer);
    }
    expect(seen.size).toBe(4);
  });

  it('fits subjects with a star for one token', async () => {
    const { clock, a, b } = start();
    const subjects: string[] = [];
    b.watch('state.*', {}, ({ subject }) => subjects.push(subject));
    for (const subject of ['state.x', 'state', 'state.x.y', 'other.x']) a.send(subject, bytes(''));
    await clock.advance(1);
    expect(subjects).toEqual(['state.x']);
  });

  it('loses and repeats messages as asked, the same ones for the same seed', async () => {
    const arrivals = async () => {
      const { clock, network, a, b } = start({ seed: 5 });
      network.setLink('b', { lossRate: 0.3, duplicateRate: 0.2, jitterMs: 10 });
      const received: number[] = [];
      b.watch('count', {}, ({ data }) => received.push(data[0]));
      for (let i = 0; i < 100; i++) a.send('count', Uint8Array.of(i));
      await clock.advance(20);
      return received;
    };
    const received = await arrivals();
    expect(received).toEqual(await arrivals());
    expect(received).toEqual(received.toSorted((x, y) => x - y));
    expect(new Set(received).size).toBeLessThan(95);
    expect(received.length).toBeGreaterThan(new Set(received).size);
  });

  it('separates parties, which do not notice, until it is healed', async () => {
    const { clock, network, a, b } = start();
    echo(b, 'b');
    network.separate(['a'], ['b', 'c']);
    expect(await clock.advanceUntil(failing(a.ask('echo', bytes('x'), { timeoutMs: 50 })))).toBe('timeout');
    network.heal();
    expect(text(await clock.advanceUntil(a.ask('echo', bytes('x'), { timeoutMs: 50 })))).toBe('b x');
  });

  it('holds the messages of a stopped party until it is resumed', async () => {
    const { clock, network, a, b } = start();
    echo(b, 'b');
    network.pause('b');
    const asking = a.ask('echo', bytes('x'), { timeoutMs: 50 });
    await clock.advance(40);
    network.resume('b');
    expect(text(await clock.advanceUntil(asking))).toBe('b x');
  });

  it('forgets a killed party, which answers nothing any more', async () => {
    const { clock, network, a, b } = start();
    echo(b, 'b');
    network.setLink('b', { delayMs: 5 });
    const underWay = failing(a.ask('echo', bytes('x'), { timeoutMs: 50 }));
    network.kill('b');
    expect(await clock.advanceUntil(underWay)).toBe('timeout');
    expect(await clock.advanceUntil(failing(a.ask('echo', bytes('x'), { timeoutMs: 50 })))).toBe('no-receiver');
  });

  it('gives handlers plain bytes that are not those of the sender', async () => {
    const { clock, a, b } = start();
    const received: Uint8Array[] = [];
    b.watch('data', {}, ({ data }) => received.push(data));
    const sent = Buffer.from([1, 2, 3]);
    a.send('data', sent);
    sent.fill(9);
    await clock.advance(1);
    expect(Buffer.isBuffer(received[0])).toBe(false);
    expect([...received[0]]).toEqual([1, 2, 3]);
  });
});
