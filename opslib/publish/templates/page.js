var ops=window.ops||{};window.ops=ops;
ops.chinese=function(){
  var zh={dictionary:{},format:{days:["星期日","星期一","星期二","星期三","星期四","星期五","星期六"],shortDays:["周日","周一","周二","周三","周四","周五","周六"],months:[],shortMonths:[],date:"%Y-%m-%d",year:"%Y年",month:"%Y年%-m月",dayMonth:"%-m月%-d日",dayMonthYear:"%Y年%-m月%-d日"}};
  for(var m=1;m<13;m++){zh.format.months.push(m+"月");zh.format.shortMonths.push(m+"月");}
  zh.moduleType="locale";zh.name="zh-CN";Plotly.register(zh);ops.chinese=null;};
ops.enliven=function(root){
var language=document.documentElement.lang||"en";
root.querySelectorAll("table.ops-table").forEach(function(table){
  table.querySelectorAll("th").forEach(function(head,at){
    if(head.dataset.sort!==undefined||!table.tBodies.length)return;
    head.dataset.sort="";head.tabIndex=0;
    function sort(){
      var down=head.dataset.sort!=="up";head.dataset.sort=down?"up":"down";
      head.setAttribute("aria-sort",down?"ascending":"descending");
      var rows=Array.from(table.tBodies[0].rows);
      rows.sort(function(a,b){
        var x=a.cells[at].dataset.v,y=b.cells[at].dataset.v,p=parseFloat(x),q=parseFloat(y);
        var d=!isNaN(p)&&!isNaN(q)&&String(p).length>=Math.min(3,x.length)?p-q:String(x).localeCompare(String(y));
        return down?d:-d;});
      rows.forEach(function(r){table.tBodies[0].appendChild(r);});}
    head.addEventListener("click",sort);
    head.addEventListener("keydown",function(e){if(e.key==="Enter")sort();});});});
root.querySelectorAll("[data-figure]").forEach(function(place){
  var told=document.getElementById(place.dataset.figure);
  if(!window.Plotly||!told||ops.hold)return;
  delete place.dataset.figure;told=JSON.parse(told.textContent);
  var still=place.querySelector("svg");if(still)still.remove();
  if(window.innerWidth<560&&told.layout.margin===undefined)told.layout.margin={l:44,r:8,t:64,b:84};
  if(ops.chinese&&language==="zh-CN")ops.chinese();
  if(told.layout.height===undefined)told.layout.height=380;
  Plotly.newPlot(place,told.data,told.layout,{responsive:true,displayModeBar:false,locale:language});});};
ops.enliven(document);
document.querySelectorAll(".filters button").forEach(function(button){
  button.addEventListener("click",function(){
    button.parentNode.querySelectorAll("button").forEach(function(b){b.setAttribute("aria-pressed",b===button);});
    var want={};document.querySelectorAll(".filters").forEach(function(f){
      var on=f.querySelector("[aria-pressed=true]");want[f.dataset.by]=on?on.dataset.value:"";});
    document.querySelectorAll(".tile").forEach(function(t){
      var ok=(!want.room||t.dataset.room===want.room)&&(!want.reader||(" "+t.dataset.readers+" ").indexOf(" "+want.reader+" ")>=0);
      t.style.display=ok?"":"none";});});});
if(ops.ready)ops.ready();
