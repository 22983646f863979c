var ops=window.ops||{};window.ops=ops;
(function(){
var root=document.documentElement,told=JSON.parse(root.dataset.reader||"{}"),zh=root.lang.indexOf("zh")===0;
function word(en,cn){return zh?cn:en;}
function cookie(name){var m=document.cookie.match("(?:^|; )"+name+"=([^;]*)");return m?m[1]:"";}
function send(url,body){return fetch(url,{method:"POST",headers:{"X-XSRFToken":cookie("_xsrf")},body:body});}
function state(){return document.getElementById("ops-state");}
var kernel="";
// The widgets' scripts come once the page has been painted. Behind a kept answer they start when there
// is a kernel to connect to, else, as work may take long, with the page; they look for widgets when the
// last cell has been told.
var there,whole,up=new Promise(function(f){there=f;});
ops.told=new Promise(function(f){whole=f;});
ops.kernel=function(id){kernel=id;if(state().dataset.mode==="behind")there();};
ops.start=function(main){up.then(main);};
// Stands in for the parts of JupyterLab that sliders have no use for.
ops.none=new Proxy(Object.assign(function(){return ops.none;},{__esModule:true,default:[]}),{get:function(t,name){
  return name in t||name==="then"||typeof name==="symbol"?t[name]:ops.none;}});
ops.boot=function(all,entries){
  var begun=false;
  function go(){if(begun)return;begun=true;
    entries.forEach(function(e){var l=document.createElement("link");l.rel="preload";l.as="script";l.href=e;document.head.appendChild(l);});add(all);}
  requestAnimationFrame(go);setTimeout(go,400);};
// Still pictures wait for their scripts until the sliders are there: those come first.
ops.hold=root.classList.contains("with-kernel");
function release(){
  if(!ops.hold)return;ops.hold=false;
  if(window.Plotly||!ops.charts)return ops.enliven(document);
  add(ops.charts).onload=function(){ops.enliven(document);};}
function add(src){var s=document.createElement("script");s.src=src;document.head.appendChild(s);return s;}
if(ops.hold)setTimeout(release,15000);
ops.progress=function(at,count){
  var s=state();if(!s)return;
  var p=s.querySelector("progress");if(p){p.max=count;p.value=at;}
  if(s.dataset.mode==="anew")gather();};
// What was never asked before comes into the page piece by piece, in place of its bare title.
function gather(){
  var parts=document.getElementById("ops-live-parts"),main=document.querySelector("main"),foot=main.querySelector(".foot");
  if(!parts||parts.hidden)return;
  while(parts.firstChild)main.insertBefore(parts.firstChild,foot);
  if(main.querySelectorAll("h1").length>1)main.querySelector("h1").remove();}
ops.trouble=function(t){
  release();
  var s=state();if(!s)return;s.hidden=false;s.className="trouble";s.textContent=t.what+" ";
  var b=document.createElement("button");b.textContent=t.again;b.onclick=function(){location.reload();};s.appendChild(b);};
ops.done=function(){
  var s=state(),parts=document.getElementById("ops-live-parts"),main=document.querySelector("main");
  var bad=s.className==="trouble";
  if(s.dataset.mode==="anew"){
    if(bad&&parts.hidden){parts.remove();release();kernel="";return watch();} // the older answer stays
    var top=main.querySelector(".top"),y=window.scrollY;
    if(parts.hidden){while(top.nextSibling)top.nextSibling.remove();while(parts.firstChild)main.appendChild(parts.firstChild);}
    else gather();
    if(document.querySelector(".ops-live"))ops.enliven(main);else release();window.scrollTo(0,y);
    if(!bad)s.hidden=true;
    said();
  }else{
    var lives=parts.querySelectorAll("[data-for]");
    if(!lives.length){if(!bad)s.hidden=true;release();}
    lives.forEach(function(live){
      var slot=document.querySelector('[data-slot="'+live.dataset.for+'"]');
      if(slot){live.style.display="none";slot.appendChild(live);}});}
  if(!document.querySelector(".ops-live"))kernel="";
  there();whole();watch();};
var controls=".widget-slider,.widget-checkbox";
function watch(){
  var eye=new MutationObserver(dress);eye.observe(document.body,{childList:true,subtree:true});
  setTimeout(function(){var s=state();if(s&&!document.querySelector(".ops-live :is("+controls+")")&&document.querySelector(".ops-live"))
    ops.trouble({what:word("The live part did not start.","实时部分未能启动。"),again:word("Try again","重试")});},60000);
  setInterval(alive,20000);document.addEventListener("visibilitychange",function(){if(!document.hidden)alive();});}
function alive(){if(!kernel)return;fetch("/alive/"+kernel).then(function(r){if(r.status!==204)gone();},gone);}
function gone(){ops.trouble({what:word("The live part of this page has ended; what you see stays.","本页的实时部分已结束，所示内容保留。"),again:word("Start it again","重新启动")});kernel="";}
function dress(){
  document.querySelectorAll(".ops-live").forEach(function(live){
    var box=live.querySelector(controls);
    if(!box||live.dataset.dressed)return;live.dataset.dressed="1";
    var slot=live.parentNode;if(slot.classList.contains("ops-slot"))Array.from(slot.children).forEach(function(c){c.style.display=c===live?"":"none";});
    var s=state();if(s&&s.className!=="trouble")s.hidden=true;
    var said=live.querySelector("[data-setting]"),box2=said&&said.closest(".widget-html-content");if(box2)box2.setAttribute("aria-live","polite");
    root.dataset.live=Math.round(performance.now());setTimeout(release,400);
    var tools=document.createElement("div");tools.className="ops-tools";
    var copy=document.createElement("button");copy.type="button";copy.textContent=word("Copy link to this setting","复制此设置的链接");
    copy.onclick=function(){
      var u=new URL(location.href),set=JSON.parse(live.querySelector("[data-setting]").dataset.setting);
      Array.from(u.searchParams.keys()).forEach(function(k){if(k.indexOf("set.")===0)u.searchParams.delete(k);});
      Object.keys(set).forEach(function(k){u.searchParams.set("set."+k,set[k]);});
      history.replaceState(null,"",u);
      (navigator.clipboard?navigator.clipboard.writeText(u.href):Promise.reject()).then(function(){copy.textContent=word("Copied","已复制");},function(){copy.textContent=word("The address above is the link","上方地址即为链接");});};
    tools.appendChild(copy);live.appendChild(tools);});
  document.querySelectorAll(".widget-slider").forEach(function(w){
    var handle=w.querySelector(".noUi-handle"),row=w.previousElementSibling,label=row&&row.querySelector(".ops-slider-name");
    if(handle&&!handle.getAttribute("aria-label"))handle.setAttribute("aria-label",(label||w).textContent.trim()||word("slider","滑块"));
    var read=w.querySelector(".widget-readout");if(read&&!read.getAttribute("aria-label")){read.setAttribute("aria-label",(label||w).textContent.trim());read.setAttribute("role","textbox");}});}
document.addEventListener("submit",function(e){
  var f=e.target;
  if(f.matches("[data-open]")){
    Array.from(f.elements).forEach(function(i){if(i.name&&(i.value===""||i.value===i.dataset.default))i.disabled=true;});
    setTimeout(function(){Array.from(f.elements).forEach(function(i){i.disabled=false;});},500);return;}
  if(!f.matches("[data-post]"))return;e.preventDefault();
  var out=f.querySelector("output");
  send(f.getAttribute("action"),new URLSearchParams(new FormData(f))).then(function(r){
    return r.json().then(function(d){out.textContent=d.said;if(r.ok){f.reset();said();}});
  }).catch(function(){out.textContent=word("It could not be kept; try again.","未能保存，请重试。");});});
function said(){
  document.querySelectorAll(".ops-decide").forEach(function(box){
    fetch("/said/"+box.dataset.view+"/"+box.dataset.run+"?language="+box.dataset.language).then(function(r){return r.json();}).then(function(d){
      function fill(list,lines){list.textContent="";lines.forEach(function(t){var li=document.createElement("li");li.textContent=t;list.appendChild(li);});}
      fill(box.querySelector(".ops-said"),d.decisions.map(function(x){return x.action+". "+x.said;}));
      fill(box.querySelector(".ops-comments"),d.comments.map(function(x){return x.by+", "+x.when+": "+x.text;}));}).catch(function(){});});}
// As soon as the page's own part is there: a live page ends seconds later.
ops.ready=function(){
  ops.ready=function(){};
  said();
  document.querySelectorAll("a.twin").forEach(function(a){if(location.pathname.indexOf("/live/")===0){
    var u=new URL(location.href);u.searchParams.set("language",zh?"en":"zh");a.href=u.href;}});
  if(told.department){var b=document.querySelector('.filters[data-by=reader] [data-value="'+told.department+'"]');if(b)b.click();
    var first=document.querySelector("[data-owner]");document.querySelectorAll("[data-owner]").forEach(function(s){
      if(told.owners.indexOf(s.dataset.owner)>=0&&s!==first)first.parentNode.insertBefore(s,first);});}
};
// Stands first in the page, before anything below it is painted.
ops.bar=function(){
  var here=document.currentScript;if(!told.name)return;
  var bar=document.createElement("div");bar.className="ops-reader";var who=document.createElement("span");who.textContent=told.name;
  var out=document.createElement("button");out.textContent=told.out;out.onclick=function(){send("/sign-out","").then(function(){location.href="/";});};
  bar.appendChild(who);bar.appendChild(out);here.replaceWith(bar);};
document.addEventListener("DOMContentLoaded",function(){ops.ready();});
})();
