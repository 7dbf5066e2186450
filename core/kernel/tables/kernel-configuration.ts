/** What the verifier takes from the machine it runs on. Linux prints and relies on these; ours are those of the reference machine. */

/** nr_cpu_ids: bpf_get_smp_processor_id() is below it. */
export const POSSIBLE_CPUS = 2;
