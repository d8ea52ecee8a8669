// The page: three groups of views. To add a view, create a folder for it and list it here.

import "uplot/dist/uPlot.min.css";
import "./style/page.css";
import { startRouter } from "./router";
import { startTheme } from "./theme";
import { convolution } from "./views/convolution/view";
import { draw } from "./views/draw/view";
import { exercise } from "./views/exercise/view";
import { graph } from "./views/graph/view";
import { map } from "./views/map/view";
import { plane } from "./views/plane/view";
import { train } from "./views/train/view";

startTheme();
startRouter([
  { title: "Draw", views: [draw] },
  { title: "Train", views: [train] },
  { title: "Understand", views: [plane, graph, convolution, map, exercise] },
]);

// After the first visit, the page opens without a network. Browsers allow that only on secure addresses.
if ("serviceWorker" in navigator && isSecureContext) {
  navigator.serviceWorker.register(new URL("offline.js", import.meta.url)).catch(() => {
    // Without it, the page works all the same, but cannot be opened offline.
  });
}
