import { describe, expect, it } from 'vitest';
import type { Session, SessionState } from './registry.js';
import { NO_SESSION, nextSession, SESSION_TRANSITIONS, type SessionEvent } from './session.js';

const EVENTS: readonly SessionEvent[] = ['connected', 'disconnected', 'expired', 'deadline', 'stopped'];

/** The whole table once more, in the order of {@link EVENTS}; `-` means that nothing changes. */
const EXPECTED: Record<SessionState, string> = {
  suspended: 'connected - lost lost closed',
  connected: '- suspended lost - closed',
  lost: 'connected - - - closed',
  closed: '- - - - -',
};

const at = (state: SessionState): Session => ({ state, id: 7n, epoch: 3, connection: 5, timeoutMs: 4_000 });

describe('session', () => {
  for (const [state, row] of Object.entries(EXPECTED) as [SessionState, string][]) {
    for (const [index, event] of EVENTS.entries()) {
      const target = row.split(' ')[index];
      it(`${state}, ${event}: ${target === '-' ? 'nothing changes' : target}`, () => {
        const before = at(state);
        const after = nextSession(before, event, { id: 8n, timeoutMs: 2_000 });
        if (target === '-') expect(after).toBe(before);
        else expect(after.state).toBe(target);
        expect(SESSION_TRANSITIONS[state][event] ?? '-').toBe(target);
      });
    }
  }

  it('has never been connected at first', () => {
    expect(NO_SESSION).toMatchObject({ state: 'suspended', id: 0n, epoch: 1, connection: 0 });
  });

  it('is in its first epoch after the first connection', () => {
    const session = nextSession(NO_SESSION, 'connected', { id: 8n, timeoutMs: 2_000 });
    expect(session).toEqual({ state: 'connected', id: 8n, timeoutMs: 2_000, epoch: 1, connection: 1 });
  });

  it('counts connections, and stays in its epoch, over a reconnect', () => {
    const session = nextSession(at('suspended'), 'connected', { id: 7n, timeoutMs: 4_000 });
    expect(session).toMatchObject({ epoch: 3, connection: 6 });
  });

  it('begins the next epoch after it was lost', () => {
    const session = nextSession(at('lost'), 'connected', { id: 9n, timeoutMs: 4_000 });
    expect(session).toMatchObject({ id: 9n, epoch: 4, connection: 6 });
  });

  it('keeps the id of the session that was lost, so that its nodes can be told', () => {
    expect(nextSession(at('suspended'), 'deadline')).toMatchObject({ state: 'lost', id: 7n, epoch: 3 });
  });
});
