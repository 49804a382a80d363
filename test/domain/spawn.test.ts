import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { clampFollowUps } from '../../src/domain/spawn.js';
import { followUp } from './samples.js';

const caps = { maxDepth: 3, maxPerVerdict: 5, maxPerTree: 20 };
const root = { depth: 0, treeSize: 1, titles: ['Root'] };
const titled = (count: number) =>
  Array.from({ length: count }, (_, index) => followUp(`Task ${index}`));

describe('follow-ups', () => {
  test('within the caps all are filed, in the order asked', () => {
    const asked = titled(5);
    const { filed, refused } = clampFollowUps(asked, caps, root);
    expect(filed).toEqual(asked.map((each, index) => ({ index, followUp: each })));
    expect(refused).toEqual([]);
  });

  test.each([
    ['per-verdict cap 5', titled(6), root, 5],
    ['tree cap 20', titled(3), { ...root, treeSize: 18 }, 2],
    ['depth cap 3', titled(1), { ...root, depth: 3 }, 0],
    ['same title as a task in this tree', [followUp(' root ')], root, 0],
    ['same title as a task in this tree', [followUp('New'), followUp('new')], root, 1],
  ])('%s', (why, asked, tree, filed) => {
    const clamped = clampFollowUps(asked, caps, tree);
    expect(clamped.filed).toHaveLength(filed);
    expect(clamped.refused).toEqual([{ index: filed, title: asked[filed]?.title, why }]);
  });

  test('one below the depth cap files, at the cap it does not', () => {
    expect(clampFollowUps(titled(1), caps, { ...root, depth: 2 }).filed).toHaveLength(1);
  });

  test('what is refused takes nobody else’s place', () => {
    const asked = [followUp('Root'), ...titled(5)];
    expect(clampFollowUps(asked, caps, root).filed.map(({ index }) => index)).toEqual([
      1, 2, 3, 4, 5,
    ]);
  });

  test.each(['maxDepth', 'maxPerVerdict', 'maxPerTree'] as const)(
    'a %s that is no number files nothing',
    (cap) => {
      const { filed } = clampFollowUps(titled(1), { ...caps, [cap]: Number.NaN }, root);
      expect(filed).toEqual([]);
    },
  );

  test('nothing is dropped and no cap is passed, whatever the numbers hold', () => {
    const number = fc.oneof(fc.integer({ min: -1, max: 30 }), fc.constant(Number.NaN));
    const asked = fc.array(fc.constantFrom('a', 'A ', 'b', 'c', 'd', 'e', 'f', 'g').map(followUp));
    fc.assert(
      fc.property(
        asked,
        fc.record({ maxDepth: number, maxPerVerdict: number, maxPerTree: number }),
        fc.record({ depth: number, treeSize: number, titles: fc.constant(['g']) }),
        (all, limits, tree) => {
          const { filed, refused } = clampFollowUps(all, limits, tree);
          const seen = [...filed, ...refused].map(({ index }) => index);
          expect(seen.toSorted((a, b) => a - b)).toEqual(all.map((_, index) => index));
          if (filed.length === 0) return;
          expect(filed.length).toBeLessThanOrEqual(limits.maxPerVerdict);
          expect(tree.treeSize + filed.length).toBeLessThanOrEqual(limits.maxPerTree);
          expect(tree.depth + 1).toBeLessThanOrEqual(limits.maxDepth);
        },
      ),
    );
  });
});
