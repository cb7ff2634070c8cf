import { describe, expect, it } from 'vitest';
import {
  fairShare,
  type ItemState,
  isDead,
  type Presence,
  type Searcher,
  type SignedNode,
  type Verdict,
  verdictOn,
} from './crashed-run.js';

const signed = (instanceId: string, czxid = 10n, ephemeral = false): SignedNode => ({
  instanceId,
  czxid,
  version: 0,
  ctime: 0,
  ephemeral,
});

const HERE: Presence = { registered: true, witnessed: true, since: 5n };
const GONE: Presence = { registered: false, witnessed: false, since: null };
/** A Java member, or one that does not make lasting marks. */
const SILENT: Presence = { registered: true, witnessed: false, since: null };
/** An operator removed its node; its session lives. */
const DISMISSED: Presence = { registered: false, witnessed: true, since: 5n };
/** It came back under its id, in a session that began after it had signed. */
const REBORN: Presence = { registered: true, witnessed: true, since: 20n };

describe('what an instance signed for', () => {
  it.each<[string, SignedNode, Presence, boolean]>([
    ['is over when it is gone', signed('x'), GONE, true],
    ['is not over while it is there', signed('x'), HERE, false],
    ['is not over while a Java member is there', signed('x'), SILENT, false],
    ['is not over while it leaves because an operator told it to', signed('x'), DISMISSED, false],
    ['is over when it came back in another session', signed('x'), REBORN, true],
    ['is not over for having been made early in its session', signed('x', 6n), HERE, false],
    ['is never over as long as its session keeps it', signed('x', 10n, true), GONE, false],
  ])('%s', (_, node, presence, dead) => expect(isDead(node, presence)).toBe(dead));
});

const idle: ItemState = { item: 1, mark: null, takeover: null, announced: false, disabled: false };
const me: Searcher = { instanceId: 'me', itemCount: 4, failover: true, underway: new Set() };

const PEOPLE: Readonly<Record<string, Presence>> = { me: HERE, live: HERE, dead: GONE, leaving: DISMISSED };

const verdict = (state: Partial<ItemState>, self: Partial<Searcher> = {}): Verdict =>
  verdictOn({ ...idle, ...state }, (id) => PEOPLE[id] ?? GONE, { ...me, ...self });

describe('what is to be done about an item', () => {
  it.each<[string, Partial<ItemState>, Verdict]>([
    ['nothing, if nothing tells of a run', {}, { kind: 'nothing' }],
    ['nothing, while it runs', { mark: signed('live') }, { kind: 'nothing' }],
    ['to take the run over of one that is gone', { mark: signed('dead') }, { kind: 'take' }],
    ['to take it over from one that had taken it over', { takeover: signed('dead') }, { kind: 'take' }],
    ['to take over what was announced', { announced: true }, { kind: 'take' }],
    ['to leave what another one has taken', { takeover: signed('live') }, { kind: 'nothing' }],
    [
      'to leave what another one has taken, and come back to what is announced besides',
      { takeover: signed('live'), mark: signed('dead'), announced: true },
      { kind: 'wait', until: 'untaken', isLeaving: false },
    ],
    [
      'to wait for one that leaves, in case it dies with what it has taken',
      { takeover: signed('leaving') },
      { kind: 'wait', until: 'untaken', isLeaving: true },
    ],
    ['to go on with what it took itself', { takeover: signed('me') }, { kind: 'resume' }],
    [
      'to wait with what it took itself for a run in between',
      { takeover: signed('me'), mark: signed('live') },
      { kind: 'wait', until: 'unmarked', isLeaving: false },
    ],
    [
      'to wait for a run in between before it takes anything',
      { announced: true, mark: signed('live', 10n, true) },
      { kind: 'wait', until: 'unmarked', isLeaving: false },
    ],
    [
      'to wait for one that leaves, in case it dies before it has ended its run',
      { mark: signed('leaving') },
      { kind: 'wait', until: 'unmarked', isLeaving: true },
    ],
    [
      'to wait for one that leaves before it takes anything',
      { announced: true, mark: signed('leaving') },
      { kind: 'wait', until: 'unmarked', isLeaving: true },
    ],
  ])('is %s', (_, state, expected) => expect(verdict(state)).toEqual(expected));

  it('is nothing while the takeover is under way here', () =>
    expect(verdict({ takeover: signed('me'), mark: signed('me') }, { underway: new Set([1]) })).toEqual({
      kind: 'nothing',
    }));

  it.each<[string, Partial<ItemState>, Partial<Searcher>]>([
    ['switched-off', {}, { failover: false }],
    ['surplus', {}, { itemCount: 1 }],
    ['disabled', { disabled: true }, {}],
  ])('is to take the dead mark away and run nothing: %s', (reason, state, self) => {
    for (const crashed of [{ mark: signed('dead') }, { takeover: signed('dead') }, { announced: true }]) {
      expect(verdict({ ...state, ...crashed }, self)).toEqual({ kind: 'drop', reason });
    }
    expect(verdict({ ...state, mark: signed('live') }, self)).toEqual({ kind: 'nothing' });
  });
});

describe('the share of an instance', () => {
  it.each([
    ['all, if it is alone', 7, 1, 9, 7],
    ['its part, rounded up', 7, 3, 9, 3],
    ['no more than it has room for', 7, 1, 2, 2],
    ['nothing without room', 7, 2, 0, 0],
    ['what there is, if nobody may have items', 2, 0, 9, 2],
  ])('is %s', (_, crashed, instances, room, share) => expect(fairShare(crashed, instances, room)).toBe(share));
});
