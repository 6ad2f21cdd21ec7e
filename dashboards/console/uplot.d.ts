/** What `files.ts` serves beside these modules: uPlot's own module. */
import uPlot from 'uplot'
export default uPlot
