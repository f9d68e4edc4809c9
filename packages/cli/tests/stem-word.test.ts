import { expect, test } from 'vitest';
import { stemWord } from '../src/embedding/stem-word.js';

// The examples of the paper, through all of its steps.
test.each([
  ['caresses', 'caress'],
  ['ponies', 'poni'],
  ['cats', 'cat'],
  ['agreed', 'agre'],
  ['feed', 'feed'],
  ['plastered', 'plaster'],
  ['bled', 'bled'],
  ['motoring', 'motor'],
  ['sing', 'sing'],
  ['conflated', 'conflat'],
  ['troubling', 'troubl'],
  ['sized', 'size'],
  ['hopping', 'hop'],
  ['falling', 'fall'],
  ['hissing', 'hiss'],
  ['failing', 'fail'],
  ['filing', 'file'],
  ['happy', 'happi'],
  ['sky', 'sky'],
  ['relational', 'relat'],
  ['conditional', 'condit'],
  ['rational', 'ration'],
  ['digitizer', 'digit'],
  ['vietnamization', 'vietnam'],
  ['operator', 'oper'],
  ['hopefulness', 'hope'],
  ['sensibiliti', 'sensibl'],
  ['triplicate', 'triplic'],
  ['formative', 'form'],
  ['electrical', 'electr'],
  ['goodness', 'good'],
  ['revival', 'reviv'],
  ['allowance', 'allow'],
  ['replacement', 'replac'],
  ['adjustment', 'adjust'],
  ['adoption', 'adopt'],
  ['communism', 'commun'],
  ['effective', 'effect'],
  ['probate', 'probat'],
  ['rate', 'rate'],
  ['cease', 'ceas'],
  ['controll', 'control'],
  ['roll', 'roll'],
])('the stem of %s is %s', (word, stem) => {
  expect(stemWord(word)).toBe(stem);
});

test('forms of one word have one stem', () => {
  for (const forms of [
    ['split', 'splits', 'splitting'],
    ['upload', 'uploads', 'uploaded', 'uploading'],
    ['retry', 'retries', 'retried'],
    ['decide', 'decided', 'deciding'],
    ['verification', 'verifications'],
  ]) {
    expect(new Set(forms.map(stemWord)).size, forms.join(' ')).toBe(1);
  }
});

test('short words, numbers, other scripts and very long words stay as they are', () => {
  for (const word of ['as', '768', 'float32', 'größe', '日本語', 's'.repeat(50)]) expect(stemWord(word)).toBe(word);
});
