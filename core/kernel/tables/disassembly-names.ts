/** The names of what instructions number: helpers, kfuncs, maps, variables of the kernel, functions of the program. */
import { callTarget } from '../../isa/control-flow.ts';
import type { DisassemblyNames } from '../../isa/disassemble.ts';
import type { Instructions } from '../../isa/instructions.ts';
import { BPF_PSEUDO_BTF_ID, BPF_PSEUDO_FUNC, BPF_PSEUDO_MAP_FD, BPF_PSEUDO_MAP_VALUE } from '../../isa/opcodes.ts';
import type { Program } from '../../object/program.ts';
import { helperById } from './helpers.ts';

/** Names for the disassembler: helpers from the table, kfuncs and variables from the kernel's BTF, maps and functions from the object. */
export function namesOf(program: Program): DisassemblyNames {
  return {
    helper: helperName,
    kfunc: (btfId, off) => (off === 0 && btfId > 0 ? program.kernelBtf.name(btfId) || undefined : undefined),
    subprogram: (insns, i) => {
      const target = callTarget(insns, i);
      const callee = program.subprograms.find(({ start }) => start === target);
      const distance = target - i - 1;
      return `${distance < 0 ? '' : '+'}${distance}${callee === undefined ? '' : `#${callee.name}`}`;
    },
    imm64: (insns, i) => imm64Name(program, insns, i),
  };
}

/** `bpf_map_lookup_elem` for 1. */
export function helperName(id: number): string | undefined {
  const row = helperById(id);
  return row === undefined ? undefined : `bpf_${row.name}`;
}

/** What a 64-bit immediate stands for, as `bpftool prog dump` writes it but with names for ids. */
function imm64Name(program: Program, insns: Instructions, i: number): string | undefined {
  const imm = insns.imm[i] ?? 0;
  switch (insns.src[i]) {
    case BPF_PSEUDO_MAP_FD:
      return `map[${program.maps[imm]?.name ?? imm}]`;
    case BPF_PSEUDO_MAP_VALUE:
      return `map[${program.maps[imm]?.name ?? imm}][0]+${insns.imm[i + 1] ?? 0}`;
    case BPF_PSEUDO_BTF_ID:
      return imm === 0 ? '0 (weak, not in this kernel)' : `ksym[${program.kernelBtf.name(imm)}]`;
    case BPF_PSEUDO_FUNC: {
      const target = callTarget(insns, i);
      const callee = program.subprograms.find(({ start }) => start === target);
      return `func[${callee?.name ?? `+${target - i - 1}`}]`;
    }
    default:
      return undefined;
  }
}
