/** Which dialog is open. One at a time. */
import { ref } from 'vue';

export type DialogName = 'palette' | 'keys' | 'goto';

export const openDialog = ref<DialogName>();
