import { createPinia } from 'pinia';
import { createApp } from 'vue';
import App from './App.vue';
import DockWatermark from './layout/DockWatermark.vue';
import PanelBox from './layout/PanelBox.vue';
import PanelRemark from './layout/PanelRemark.vue';
import PanelTab from './layout/PanelTab.vue';
import { followTheme } from './theme/theme.ts';
import './theme/base.css';

followTheme();

createApp(App)
  .use(createPinia())
  // The docking library asks for these by name.
  .component('DockPanel', PanelBox)
  .component('DockTab', PanelTab)
  .component('DockRemark', PanelRemark)
  .component('DockWatermark', DockWatermark)
  .mount('#app');
