import { describe, expect, it } from 'vitest';
import { BailoutError } from '../../core/errors.ts';
import { PLAIN } from './format/style.ts';
import { formatError, statusOfError } from './report-error.ts';

describe('an error', () => {
  it('is a line with its code, where it is in the input, and a hint', () => {
    expect(
      formatError(
        new BailoutError('ELF_TRUNCATED', 'The file ends early.', { offset: 64, hint: 'Copy it again.' }),
        PLAIN,
      ),
    ).toBe('bailout: The file ends early. (at byte 64) [ELF_TRUNCATED]\nhint: Copy it again.');
    expect(formatError(new BailoutError('USAGE', 'No.'), PLAIN)).toBe('bailout: No. [USAGE]');
  });

  it('decides the exit status', () => {
    const status = (code: string) => statusOfError(new BailoutError(code, ''));
    expect(status('USAGE')).toBe(2);
    expect(status('FILE_UNREADABLE')).toBe(3);
    expect(status('ELF_TRUNCATED')).toBe(3);
    expect(status('INTERNAL_UNEXPECTED_CASE')).toBe(1);
  });
});
