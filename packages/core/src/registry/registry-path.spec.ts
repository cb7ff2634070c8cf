import { describe, expect, it } from 'vitest';
import { ancestorsOf, below, joinPath, relativeTo, validPath } from './registry-path.js';

describe('registry path', () => {
  it.each(['', 'job', 'job/config', 'a b/c.d/10.0.0.1@-@7', '任务/実行', '...'])('takes %j', (path) => {
    expect(validPath(path)).toBe(path);
  });

  it.each(['/', '/job', 'job/', 'a//b', '.', 'a/..', 'a\u0000', 'a\u007f', '\ud800', '\uf8ff', '\ufff0'])(
    'refuses %j',
    (path) => {
      expect(() => validPath(path)).toThrow(expect.objectContaining({ code: 'INVALID_PATH', path }));
    },
  );

  it('joins two paths, either of which may be empty', () => {
    expect([joinPath('a', 'b/c'), joinPath('', 'b'), joinPath('a', ''), joinPath('', '')]).toEqual([
      'a/b/c',
      'b',
      'a',
      '',
    ]);
  });

  it('places a relative path below a root, and takes it off again', () => {
    for (const root of ['/', '/shop', '/shops/eu']) {
      for (const path of ['job', 'job/config']) expect(relativeTo(root, below(root, path))).toBe(path);
      expect(below(root, '')).toBe(root);
    }
  });

  it('knows what lies above a path, from the top', () => {
    expect(ancestorsOf('/a/b/c')).toEqual(['/a', '/a/b']);
    expect(ancestorsOf('/a')).toEqual([]);
  });
});
