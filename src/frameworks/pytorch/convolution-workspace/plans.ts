/**
 * Which kind of plan cuDNN's heuristic puts first, as trees: `feature<limit`, then the tree for smaller values, then the one
 * for others; a leaf is a rule of `rules.ts`. After a bar: what deterministic plans take instead, where the first one adds
 * up in any order. "depthwise": one filter per channel, row-major, where PyTorch leaves float16 to cuDNN. Rows called "largest": the plan that takes most scratch of all that are tried.
 *
 * Source  first plans of cuDNN 9.24 for 6,600 to 13,480 convolutions of each GPU and type, 1.7 million problems (torch 2.14.1's
 *         order and filters): `oracle/workspaces/workspaces.csv.gz` of the recordings, and layers of torchvision's and
 *         timm's models at other batches and image sizes. Written by `tools/convolution-plans.mjs grow`, none by hand
 * Untrue  a tree is right in about nine cases of ten. This cuDNN no longer serves Volta (7.0); its rows are what the library
 *         says nevertheless. float32 without TF32 on Ampere and later is the A100's
 */
export const PLANS = {
  "7.0 fp32 nchw forward":
    "t<3.5 - s<1.4 l<17.5 ct<700 - ck<700000 winograd-4 - no<111000 k<500 i<700 g<5 no<11000 - fft-tiles - - c<400 fft-tiles winograd-4 ckt<16000 ck<170 - k<100 kt<195 - l<111 ck<600 winograd-4 fft-tiles fft-tiles - l<200 winograd-4 y/w<9600 fft-tiles - ck<30000 - ct<800 no<11000 - fft-tiles c/k<0.92 c<400 ct<2200 - no<1000 - k<400 - fft-tiles - -",
  "7.0 fp32 nchw input gradient":
    "t<3.5 - no<250000 kt<3000 c<100 no<65000 - ct<540 c<25 c/k<0.3 k<60 XYWv*1 -|fft-tiles - fft-tiles - c<163 no<60000 s<1.4 l<14.5 - fft-tiles - - l<14.5 o<160 - n<20 - fft - - s<1.4 ct<300 kt<100 - ck<170 fft-tiles c<25 -|fft-tiles l<145 fft-tiles -|fft-tiles fft-tiles c/k<0.05 -|fft-tiles l<320.5 c8<1 XY*1 c<40 -|fft-tiles XYWv*1 y/w<11000 -|fft-tiles XYWv",
  "7.0 fp32 nchw weight gradient": "n<80 - ct<850 - ck<110400 l<16.5 o<90 - x/w<18.9 fft - - -",
  "7.0 fp32 nhwc forward":
    "t<1.4 - ck<500 - s<1.4 n<200 l<140 no<15000 kt<4500 g<4.5 XYW g<30 fft XW c/k<0.7 no<5000 XYWv*4 XYW no<4400 XYWv*8 - y/w<19 fft-tiles y/w<172 y/w<41 XYWv*8 l<43 XYWv*4 y/w<70 XY*4 winograd-4 y/w<720 l<62 XYWv*2 XY*1 XYWw t<60 XYW - - h<2.4 XYW k<500 - ct<580 XYW ct<1100 - l<22 no<1010 XYWv*4 - XYW",
  "7.0 fp32 nhwc input gradient":
    "pw<1 k<11 c<3.5 - no<60000 XYWg - g<8.5 ck<180 o<25800 s<3 XY*1 c<2 YW XYW XYWv kt<3000 ck<1800000 l<145 no<250000 ct<1140 XYW c<163 no<57000 x/w<17 o<200 XYW n<1.4 XYW fft-tiles -*8 XYW l<14.5 o<160 XYW x/w<8 n<20 XYW fft XYWv*8 XYW kt<500 XYWv l<63 -*4 XY*1 XYW|XYWv XY XYW XYWg -",
  "7.0 fp32 nhwc weight gradient": "g<1.4 - g<37 g<8.5 XY ct<200 n<40 - XYg XYg ct<200 - XYg",
  "7.0 fp16 nchw forward":
    "t<2.4 - c<14 - s<1.4 y/w<3.8 kt<4000 l<32.5 XYWv*8 - XY*2 y/w<1400 c/k<0.85 n<6 - c/k<0.3 no<52000 l<300 - XYWv*2 XY*2 -*4 n<10 - g<7 c/k<1.04 XY*4 XY*8 - l<111 Y l<148 X - ct<900 o<600 g<17 no<12700 - XYWv*8 - l<150 o<1500 no<14000 - t<6 - XY*4 XYW - ck<800000 - XY",
  "7.0 fp16 nchw input gradient":
    "t<6 - s<1.4 no<67700 - l<86 kt<80 - l<55.5 c/k<0.4 -*8 x/w<66 XYWv*4 -*4 x/w<263 XYWv*1 y/w<920 -*1 XY*1 n<30 - X no<152000 - x/w<8360 ck<350 n<60 l<270 c/k<0.06 -*1 XW - t<20 - XYWv*1 - -",
  "7.0 fp16 nchw weight gradient":
    "l<15.5 ckt<587000 kt<91 o<130 -+1 XYWv+432 t<8.5 -|-+1 s<1.4 c<20 - l<6.5 -+1 no<700 - g<1.4 l<12.5 Wv k<140 N x/w<2.8 - N N -+1 ck<170000 o<160 l<11.5 -+1 -|-+1 no<6000 - N n<22 kt<2200 ct<1800 -|-+1 -+1 k<3300 y/w<0.022 -|-+1 -+1 -|-+1 -+1 -|-+1",
  "7.0 fp16 nhwc forward":
    "t<2.4 - c<7 ct<900 - XYW i<5300 c/k<1.06 no<67000 k<460 i<270 XYWg ct<500 - XYWg y/w<1.03 s<1.4 c/k<0.7 XYW|- XYWv*4 XYWv*1 o<253 - t<3.5 - XYW ck<700 -*2 o<2500 s<1.4 XY*4 c/k<0.6 -|XYWv*4 XYW ct<500 - XY*2 XYW ct<500 c<40 n<44 n<30 k<80 - XYW XYW ck<1100 XYW s<1.4 XYWv*2 XY*1 - ckt<400000 XYW -",
  "7.0 fp16 nhwc input gradient":
    "pw<1 ckt<200 - g<8.5 s<1.4 x/w<41 n<20 XYW k<310 c/k<2.6 l<15.5 no<3500 XYW XYWv*8 i<440 XYW XYWv*8 XYW XYW l<110 l<55.5 XYWv*4 x/w<263 x/w<66 XYW XY*2 XYWv*1 c/k<0.07 XYv l<140 c/k<0.55 -*2 XYWw XYW ck<1800000 ck<540 x/w<8100 n<14 XYW s<3 l<100 XYW c/k<0.073 XY*1 c/k<0.1 XYWo*1 XYW c<2 YW XYW XYW XYW XY XYWg -",
  "7.0 fp16 nhwc weight gradient":
    "g<1.4 o<124 ct<790 -|-+1 k<240 l<6.5 -+1 -|-+1 l<15 no<420 ckt<4000000 l<9 x/w<0.016 -|-+1 -+1 -|-+1 -|-+1 -+1 ck<1000000 -|W -+1 ck<1477000 ct<2240 -|-+1 l<14.5 c/k<4.5 no<6000 - N - -|-+1 l<20.5 -+1 -|-+1 k<3.5 - l<17.5 s<1.4 ct<270 XY no<780 XY+1 l<7.5 XY+1 N XYWg k<14 s<1.4 c8<2.4 XYg|XYWv+432 XYWw XYWg XYg|XYWg",
  "7.5 fp32 nchw forward":
    "t<6 - s<1.4 ck<1200 ck<540 - g<1.4 winograd-3 g<5.5 XYW - n<14 ck<8400 n<10 - XYWv*4 n<6 winograd-3 y/w<0.69 winograd-4 x/w<3.13 XYWv*8 n<10 - XYWv*4 g<10 t<8 -*4 n<30 n<20 winograd-4 XYWv*4 o<20 - k<33 winograd-3 x/w<5200 l<32.5 winograd-4 ck<200000 winograd-4 - winograd-3 XY g<1.4 - k<40 - ck<15000 XY n<44 no<5000 - XY -",
  "7.5 fp32 nchw input gradient":
    "t<4.5 g<1.4 - XY s<1.4 c<50 l<85.5 g<11.5 winograd-4 k<7 - XYg*4 h<4 ck<140 ck<40 - winograd-4 g<1.4 winograd-3 XY fft-tiles n<14 n<6 i<160 - winograd-3 x/w<0.8 winograd-4 x/w<60 XYWv*8 - i<23000 g<10 winograd-4 XYg*4 winograd-3 c<124 no<2100000 - t<40 -|XYW XYW no<22000 - n<30 - l<26 - fft-tiles",
  "7.5 fp32 nchw weight gradient":
    "s<1.4 t<2 ck<4800 N l<7.5 l<3.5 - c<1290 c<540 k<1900 no<1800 - l<6.5 - N - N x/w<25 no<300 N - N N ct<270 ct<200 - x/w<43 - fft h<2.4 - g<14 k<60 winograd-4 no<360 - h<4 c/k<3.6 c/k<0.5 l<18 fft winograd-4 winograd-4 l<18.5 winograd-4 - - XW g<1.4 - c<20 - no<4300 - XY",
  "7.5 fp32 nhwc forward":
    "t<8.5 t<2.4 - k<100 XYWg - ct<50 s<4.5 - XY s<1.4 i<1010 i<110 - g<8.5 l<15.5 y/w<10 no<5000 winograd-3 fft winograd-4 y/w<65 XYW c<70 - XYWv*4 XYWg g<8.5 c<900 c/k<0.54 k<40 XYW c<40 W XYW XYW - XYWg ct<200 c/k<0.09 XYW ckt<1400 XYWg - kt<300 XYWg k8<1.4 XYW ct<400 ct<361 - XYW -",
  "7.5 fp32 nhwc input gradient":
    "pw<1 ck<6 - g<8.5 s<1.4 i<1060 l<9.5 ck<253000 XYW y/w<0.04 XYW - l<15.5 no<5000 XYWv*2 x/w<9.5 fft XY*8 n<80 x/w<6.3 x/w<3.1 x/w<2.2 x/w<1.08 x/w<0.88 XYWv*4 XY*4 x/w<1.67 XYWv*2 XY*2 XYWv*1 t<8 - XY*1 t<8 - XYW x/w<65 XYWv*8 c/k<0.9 fft XY*4 i<4500 t<3.5 - XYW XYW ck<1800000 c<2 YW XYW t<3 XY XYW XYWg -",
  "7.5 fp32 nhwc weight gradient":
    "t<8.5 g<1.4 - ct<30 - XYg s<1.4 ck<2000 c8<1 - g<1.4 - XYg y/w<18 no<402 - ck<100000 t<60 g<10 l<21.5 c/k<0.5 fft l<8.5 winograd-4 N winograd-4 XY XYg l<32.5 winograd-4 - l<56.5 x/w<85 o<930 g<20 fft XY fft-tiles fft no<470000 winograd-4 fft g<1.4 - ck<3 n<400 - XYg|- XYg",
  "7.5 fp16 nchw forward":
    "ct<130 k<12.5 g<5.5 W k<2.4 XY*1 c8<2.4 k<5 XYW XYWv XYW no<2100 - ct<102 - pw<1 XY - pw<1 c/k<0.05 ct<194 - s<15 XYWv t<500 n<14 XYWv - n<14 XYWv XYW x/w<12.38 t<1.4 XY XYWv XYW l<15.5 ck<676000 x/w<105 l<11.5 XY c<363 - k<250 k<163 XY - XY - XY -",
  "7.5 fp16 nchw input gradient":
    "pw<1 c8<2.4 k<360 k<100 ckt<1010 ckt<830 k<2.4 XY*1 ck<170 ck<30 XYW kt<160 c<3.5 XWv XYWv XYW XYWv s<1.4 XYWv -*2 no<1340000 ct<104 XYW t<60 c<84 kt<3700 c/k<0.05 XYW XYWv XYWv XYWv XY XYWv XYW no<5000 -|XYWw XYWv x/w<10.01 s<1.4 XYWv t<1.4 XY g<1.4 XYWv - XYWv x/w<34.4 ck<617000 l<15.5 XY - XY l<7.5 XY -",
  "7.5 fp16 nchw weight gradient":
    "pw<1 ct<50 k<45 c<2.4 ct<17 - YWv XY+108 t<8.5 XYWv ckt<5500 k<400 XY+1 - XYWv x/w<22.53 y/w<0.9 ck<53000 XYWv t<1.4 XY XYWw s<1.4 ct<1140 XYv+40 ck<38000 XYWv+1 no<10500 XYWw XYWv+1 c<500 XYWv+1 XY+1 XYWv+40 l<20 ck<770000 ck<73800 XY y/w<5.13 no<1550 XY XY+1 XYWv+1 y/w<12.6 no<1600 XY XYv+40 XYWw k<97 ck<1600 ck<140 N XYWv N N",
  "7.5 fp16 nhwc forward":
    "h<10 g<1.4 k8<2.4 ct<420 - pw<1 c/k<0.53 -*1 y/w<176 c8<1 XYWv c8<1.4 XYWw k<100 YWv XY XYWv - - c/k<0.7 ckt<16000 s<1.4 YW c<2 - g<10 XYWw XWv XY k<80 kt<210 - c<30 XYWw - n<30 - l<16 - XY s<15 ckt<36000 -*1 XWv n<14 XWv kt<300000 y/w<100 XYW - -",
  "7.5 fp16 nhwc input gradient":
    "c/k<0.094 c/k<0.092 y/w<50000 c/k<0.009 no<5000 XYW|XYWv*8 XWv s<1.4 Xv XYW XWv ct<40 s<1.4 XWv -*2 Xv c8<2.4 ck<3.5 t<40 W o<700 - s<1.4 g<80 - Xv - k8<2.4 ck<2800 ct<50 c<3.5 Xv - XYWv pw<1 XYWv - XWv g<1.4 k8<2.4 pw<1 YWv - - kt<400 c/k<0.7 -*1 - g<10 XY ct<2000 - XYWw",
  "7.5 fp16 nhwc weight gradient":
    "pw<1 ckt<30 W ckt<210000 ckt<90 no<4000 Xv l<45 Xv g<120 XWv Y c8<2.4 ck<110 Wv ckt<4700 kt<130 XYWo+40 -+80 c<2 Wv XYWo+1 g<1.4 XYWo+1 c/k<0.7 XYWv+1 ct<100 -+320 ct<400 no<6000 - c<30 c<20 -+320 XYWw -+216 x/w<67 -+1 s<1.4 XY+1 -+216 y/w<1.32 c8<2.4 XWv g<1.4 - XYWw c8<2.4 XYWo+1 g<1.4 XYWo+1 XYWw -",
  "8.0 tf32 nchw forward":
    "pw<1 ct<240 ct<70 t<20 c8<1.4 - s<1.4 kt<140 XYW - W XYW g<60 ck<1300 s<3 XYW ck<400 - XYW c/k<0.6 kt<1200 XW ct<150 - XYW - - g<1.4 c<3.5 XYWv y/w<2.064 XYWv k8<1.4 XYWv c<8 XYW XW g<10 XYW y/w<34 ct<2000 XYW XYWg XYWg l<7.5 no<1000 - XW ck<193600 - n<100 - k<700 - XW",
  "8.0 tf32 nchw input gradient":
    "pw<1 ct<48.5 c8<1.4 kt<6000 -|XYWv XYW XYW ck<3100 o<6800 y/w<9 -|XYWv k8<1.4 c<13 XYWv winograd-3 g<11.5 ckt<5000 g<3 ck<400 -|XYW XYW XYW XYW kt<210 c/k<0.7 XYWv*1 XYW XYWg s<1.4 g<1.4 t<6 XYW winograd-3 XYW XYW XYW l<7.5 no<1300 - x/w<40 XYWv - i<540 n<20 - n<30 l<13 - XYWg n<44 n<40 - XYWv - -",
  "8.0 tf32 nchw weight gradient":
    "pw<1 ct<34 g<6 -|XY+132 XYv+216 x/w<174 ct<1520 g<5.5 k<140 XY+80 no<150000 no<2200 XY l<66 XYWv+132 XYWv+40 XYv+216 XY+80 ck<70000 y/w<4.6 XYWv k<160 XY+216 XYWv+432 no<3300 XYWv kt<4000 XY+80 XYWv+432 c8<1.4 ct<100 k<70 -|XY+80 k<150 XY+1 -|XYv+80 XYWv+132 XYWv+108 ck<680000 l<26.5 n<44 k<410 N XYWw ck<194000 l<12.5 XYWv+1 N XYWv+1 N x/w<4.3 XY l<20.5 XY+132 N",
  "8.0 tf32 nhwc forward":
    "pw<1 ckt<560 c8<1.4 - s<1.4 YW - t<124 g<1.4 k8<1.4 ck<2000 XW XYWv kt<140 k<30 XW - x/w<4.741 c/k<2.3 ct<500 l<200 XW XYW XWv XYWv*1 XW g<4.5 c/k<0.7 g<2.4 XYW YW s<1.4 XYWw XW c/k<0.7 YW c<20 XW l<22 c<30 XYWw XW g<10 s<1.4 XYWw XW XYWg ct<2000 XWv i<6000 XYWg - -",
  "8.0 tf32 nhwc input gradient":
    "pw<1 k<2.4 - c8<2.4 s<3 c8<1.4 kt<540 ck<50 c/k<0.4 XYW|XYWv XYWv XYWv XYW|XYWv k8<2.4 YWv g<10 s<1.4 YW XYW XYWv*1 XYW g<1.4 c<40 s<1.4 YW o<1100 YW ckt<4300 YW y/w<214 YW XYW x/w<2.8 s<1.4 no<400 XYWv x/w<0.9 XYWv YWv c<1540 YW XYW YWv g<4.5 XYW kt<200 c/k<0.7 XYWv*1 YW c<60 XYWg l<40.5 YW XYWg -",
  "8.0 tf32 nhwc weight gradient":
    "pw<1 ct<34 g<200 s<4.5 c8<1 Wv|XYg+1 XYWo+1 XY+40 -+432 t<30 x/w<167 ckt<660000 g<5.5 ct<1700 x/w<32.9 no<3050 XY k<140 XYv+80 l<70 XYWv+132 XYWv+40 XYWv+80 no<13000 XY XY+432 XY no<3100 XY k<400 XY k<600 XYWv+320 k<900 XY XYWv+132 t<2 k<350 -|XY+40 XYWv+132 c<3.5 k<70 -|XY+80 k<150 XYg+1 -|XYv+80 XYWv+108 x/w<150 ct<90 x/w<60 - fft-tiles XYv+80 XYWv+132 -",
  "8.0 fp32 nchw forward":
    "t<4.5 l<900 - y/w<110 - XYW ck<4300 c<30 g<2.4 - ckt<5000 - XYWg x/w<72.1 no<5000 - g<10 winograd-3 XYWg ck<2300 g<1.4 winograd-3 l<50 - XYWg o<6000 y/w<110 - fft-tiles winograd-3 s<1.4 x/w<10 winograd-3 ck<8400 Wv i<4000 g<1.4 c<270 kt<1140 winograd-3 no<24300 winograd-3 fft winograd-3 - y/w<88.5 - winograd-3 no<6000 - g<1.4 s<2.4 fft-tiles - -",
  "8.0 fp32 nchw input gradient":
    "ct<1150 ct<573 g<1.4 - g<3.5 s<1.4 XYW - - g<1.4 - g<3 XYW - h<2.4 - s<1.4 g<1.4 c/k<3.3 no<300 - kt<3000 winograd-3 l<30 y/w<2.07 ck<150000 -|winograd-3 winograd-3 winograd-3 - l<30 no<5000 -|winograd-3 winograd-3 - x/w<1.7 - XYW -",
  "8.0 fp32 nchw weight gradient":
    "ct<1150 ct<573 - k<121 s<1.4 c<300 g<5 no<9000 -|winograd-4 fft - - - o<4700 g<1.4 ck<21000 s<1.4 l<23 - winograd-4 - - winograd-4 y/w<272 - winograd-4 h<2.4 - s<1.4 ck<11000 winograd-4 c/k<3.6 ckt<536000 ct<1200 x/w<3 k<200 winograd-4 - winograd-4 ckt<300000 kt<1400 - l<30 - winograd-4 y/w<14.4 k<230 winograd-4 - fft l<56.5 winograd-4 - - -",
  "8.0 fp32 nhwc forward":
    "t<2.4 - c<17 c<7 - g<5.5 s<1.4 XYW - - s<1.4 no<24200 y/w<0.24 ck<110000 - winograd-4 t<8 - y/w<5.5 y/w<3 y/w<2.1 y/w<0.452 XYWv*8 y/w<0.8 XYWv*4 y/w<1.03 XY*4 y/w<1.74 XYWv*2 XY*2 XYWv*1 XY*1 XYWg t<8 i<2000 winograd-4 - g<10 ck<150000 XYW - XYWg i<1100 no<4000 ckt<2000000 - no<900 - XYW kt<1290 - t<6 XYW fft-tiles -",
  "8.0 fp32 nhwc input gradient":
    "g<8.5 ck<330000 c<1.4 YW x/w<6.24 s<1.4 t<8.5 XY x/w<1.8 x/w<0.28 XYW c<120 XYWw no<1100 XYWw n<40 XYWv*2 XYW|XYWv*2 x/w<3.2 XYWv*1 XY*1 XYW ct<20.5 o<21000 no<133000 - XY|- - k<9 ckt<540 XY|- - XYW no<9000 t<2 XY XYW XYW kt<120 k<2.4 - n<80 - XYWg k<20 s<1.4 n<60 - XYWg XYWg|- XYWg",
  "8.0 fp32 nhwc weight gradient":
    "g<1.4 ct<1150 ct<573 - k<121 s<1.4 ck<12000 no<9000 -|winograd-4 fft - - - t<8 - s<1.4 x/w<13.5 ck<250000 x/w<0.37 - winograd-4 winograd-4 k<90 fft ck<200000 y/w<64 c<140 fft-tiles c<255.5 ck<27000 - fft fft-tiles n<80 winograd-4 fft - - c<1.4 - ck<7000 XYg s<1.4 x/w<29 ct<1400 x/w<10.7 k<200 XYWv+432 XYg winograd-4 winograd-4 fft XYg",
  "8.0 fp16 nchw forward":
    "ct<70 g<20 - k<5 XYW XYWv pw<1 t<124 no<8020 ck<1400000 kt<3000 g<30 XYWv ct<400 XYWv XYWg XYW t<3 XY XYWv*1 c8<1 k<150 ck<200 XYW ck<300 XYWv ck<400 XYW XYWv XYW XYW k<80 XYWg XYWv x/w<64.4 ck<670000 i<800 l<7.5 XY c<1183 k<150 - c/k<0.45 l<16.5 l<11.5 XY - XY XY - - XY -",
  "8.0 fp16 nchw input gradient":
    "pw<1 c8<1.4 s<3 k<36.5 k<27 ck<33 s<1.4 XWv - XYWv s<1.4 XYWv -*2 c/k<0.05 ckt<9500 x/w<25000 kt<600 XYW XYWv - no<800000 XYW|XYWv -|XYWv XYW s<4.5 t<30 -|XYW no<230000 XYWv -|XYWv -|XY XYW l<7.5 XY n<200 x/w<21.9 l<12.5 - i<240 XY - - ck<700000 k<62 XYWg k8<2.4 XYWv k<124 k<84 - XY - XY",
  "8.0 fp16 nchw weight gradient":
    "pw<1 c8<2.4 y/w<12700 x/w<55 XYWv kt<80 ck<10 XWv k<5 XY+432 XYWv+132 XYWv+80 kt<230 XYv+108 ck<100 XY+40 XYWv+1 x/w<550 ckt<1160000 g<2.4 kt<1200 no<4300 XYWw XYv+80 x/w<152 no<3460 XYWv ct<540 XY+40 XYWv+132 XYWv+132 x/w<67 y/w<4 XY XYWv+432 XYWv+132 t<2 XY XYWw XYWv+108 l<26.5 ck<780000 no<4050 XY ck<107000 c<294 N XY XY+1 no<8000 XY XY+108 N",
  "8.0 fp16 nhwc forward":
    "t<140 g<1.4 t<40 k8<2.4 ct<390 ckt<11500 - ck<15000 c8<2.4 XYWv YWv - pw<1 c8<2.4 XYWv YWv - - ckt<15500 ckt<13000 o<10000 k<44 s<6 - XWv - ck<170 - XW XWv - kt<400 c/k<0.7 c<1.4 - c<6 XWv s<1.4 YW XYWv k<20 g<33 c8<2.4 ct<50 - XYWv - - ckt<7000 XYg - XYg k<80 - XWv",
  "8.0 fp16 nhwc input gradient":
    "c/k<0.094 kt<370 c/k<0.09 ct<26 XWv XYWo*1 s<1.4 XWv -*2 s<1.4 XWv ck<230 t<20 XYW s<6 XWv XYW c8<2.4 ckt<4500 XWv XYW - i<50000 g<1.4 k8<2.4 pw<1 c8<2.4 XYWv YWv - c8<2.4 pw<1 XWv - - kt<400 c/k<0.7 c<1.4 - c<6 XWv XYWo*1 - XYg c8<2.4 k8<2.4 k<11 - XYWv y/w<9000 XYW XWv -",
  "8.0 fp16 nhwc weight gradient":
    "pw<1 kt<100 ckt<30 W ct<50 ct<20 Xv kt<48.5 -+132 g<124 XWv - XYWo+108 ckt<1160000 c8<2.4 ckt<900 s<1.4 XYWo+80 -+132 x/w<3300 x/w<134 XWv XYWo+80 XYWo+108 g<1.4 no<4300 - XYWo+80 g<8.5 x/w<170 no<16000 XY+1 XY+216 k<40 -+216 XY+108 l<200 -+320 XYg c8<2.4 XWv g<1.4 k<900 k<600 - no<7000 - XYWo+80 - XY -",
  "8.0 bf16 nchw forward":
    "pw<1 c8<2.4 ct<50 k<6 XY c8<1 c/k<0.05 - c/k<0.08 s<3 XYWv - - XYWv c<70 ckt<4800 o<6600 XYWv s<1.4 XYWv - XYWv XYWv no<8020 ck<1400000 g<14 XYWv ck<2000 XYW XYWg t<3 XY XYWv*1 XYWv x/w<84 ck<670000 l<7.5 XY l<27.5 c<1183 l<16.5 c/k<0.27 l<11.5 XY - k<160 - no<16600 XY - XY - - XY -",
  "8.0 bf16 nchw input gradient":
    "pw<1 c8<1.4 s<3 k<36.5 k<27 ck<33 s<1.4 XWv - XYWv s<1.4 XYWv -*2 c/k<0.05 ckt<9500 x/w<25000 kt<600 XYW XYWv - no<220000 XYWv -|XYWv XYW no<12700 XYWv s<4.5 t<30 -|XYW no<230000 XYWv -|XYWv -|XYW XYW l<7.5 XY n<200 x/w<21.9 l<12.5 - i<240 XY - - ck<700000 k<62 XYWg k8<2.4 XYWv k<124 k<84 - XY - XY",
  "8.0 bf16 nchw weight gradient":
    "pw<1 c8<2.4 y/w<16600 x/w<134 y/w<4.5 XYWv ckt<77000 XYWv+40 s<15 XYWv+216 XYWv+80 kt<80 ck<10 XWv ckt<200 XY+432 XYWv+80 XYWv+80 XYv+108 x/w<550 ckt<1160000 g<2.4 kt<1200 no<4300 XYWw XYv+80 x/w<152 no<3460 XYWv ct<540 XY+40 XYWv+132 XYWv+132 x/w<67 y/w<4 XY XYWv+432 XYWv+132 t<2 XY XYWw XYWv+108 l<26.5 ck<780000 no<4050 XY ck<107000 c<294 N XY XY+1 no<8000 XY XY+108 N",
  "8.0 bf16 nhwc forward":
    "c/k<0.052 ct<60 h<3.5 pw<1 c/k<0.04 c/k<0.017 XWv - XWv - - XWv g<1.4 c8<2.4 ct<33 ck<62 ckt<400 - XY*1 - k8<2.4 pw<1 XYWv - ckt<6000 c/k<0.14 ck<124 - XWv XWv XWv k8<2.4 pw<1 YWv - - kt<400 c/k<0.7 c<1.4 - c<6 XWv s<1.4 YW XY*1 - XYg",
  "8.0 bf16 nhwc input gradient":
    "c/k<0.094 kt<370 c/k<0.09 ct<26 XWv XYWo*1 s<1.4 XWv -*2 no<12700 l<60 - t<200 XWv XY*1 s<1.4 XWv XYW i<50000 g<1.4 k8<2.4 pw<1 c8<2.4 XYWv YWv - c8<2.4 t<2 - XWv - kt<400 c/k<0.7 c<1.4 - c<6 XWv XYWo*1 - g<10 XY ct<2000 - XYg c8<2.4 k8<2.4 k<11 - XYWv kt<830 s<3 XWv XYW XYW -",
  "8.0 bf16 nhwc weight gradient":
    "pw<1 c8<2.4 g<125 x/w<3300 ck<100 XWv ct<3000 XYWo+80 XWv c<20 XWv XYWo+80 l<44 n<200 no<1600 - x/w<101 - t<7 - YWv - - ckt<1160000 g<1.4 no<4300 - XYWo+80 kt<400 -+132 x/w<260 g<10 no<16000 no<4300 XY+1 g<5 XY+216 XYWv+432 XY+216 ct<800 -+432 Y XY+108 g<1.4 k<900 k<600 - y/w<1.2 - XYWo+40 - XY -",
  "8.6 tf32 nchw forward":
    "kt<573 kt<284 - ct<210 - y/w<1530 g<1.4 - x/w<86 XYWg - XW c<20 s<20 - XYW pw<1 g<1.4 y/w<4.9 t<1.4 c<900 - no<550 - XW no<390 XYWv y/w<0.72 XYWv XWv k8<1.4 XYWv kt<1020 s<1.4 XWv o<700 XW ckt<70000 - XW XWv g<10 ck<4000 - XYW XYWg l<7.5 no<1000 - XW -",
  "8.6 tf32 nchw input gradient":
    "ct<284 g<1.4 ct<214 c/k<0.5 -|XYW h<1.4 - s<1.4 winograd-3 XYWv pw<1 x/w<43 XYW -|XYW - kt<120 - XYWg pw<1 ck<5500 c<10 -|XYWv g<10 o<4400 XYWv g<1.4 k<70 k<60 c<34 winograd-3 XYWv s<1.4 winograd-3 XYW XYWv XYW XYWg no<200 o<6 XYW - XYWg k<1600 l<7.5 k<322 - no<1500 - XYW - l<15.5 x/w<0.4 - XYWv -",
  "8.6 tf32 nchw weight gradient":
    "pw<1 ct<270 ct<70 -|XY+80 s<1.4 g<1.4 ct<240 k<20 XY+40 -|XYWv+40 XYW ct<210 c/k<0.7 XYWg XYWv+216 XYWw no<1000000 c<150 ck<20000 -|XYWv+1 XYWv+1 -|XYW XY+432 c<3.5 XYWv t<1.4 XY k<60 kt<2000 n<22 g<1.4 -|XY+40 XYWw XYWv XYWg XYWg ck<4800 N ck<412500 l<16.5 ck<126000 no<230 - N XY N no<9000 XY l<21.5 XY N",
  "8.6 tf32 nhwc forward":
    "pw<1 ct<60 c8<1.4 o<48600 kt<3100 - XW s<1.4 XW kt<700 - XW k<6 XW k<80 - XW g<1.4 k8<1.4 XYWv ct<140 c<80 k<100 o<3400 - ck<150 - k<70 XW - XW - kt<270 s<1.4 XW - XW c/k<0.7 XYW ct<210 c8<2.4 - XW g<10 c<100 XYW XW no<3000 XW no<51000 XYWg XW -",
  "8.6 tf32 nhwc input gradient":
    "pw<1 ck<10 - c<30 g<8.5 c<1.4 YW|XYW s<1.4 ck<200 XYW g<2 k8<1.4 XYW YW XYW ckt<200 XYWv c<17 XYW c/k<0.4 XYWv l<120 YWv XYWv XYWg g<1.4 c8<1.4 XYWv ct<540 kt<570 YWv s<1.4 YWv y/w<440 c<70 YW ck<70000 no<4300 YW XYW YW ct<400 XYW YW YWv g<10 ct<700 XYW k<160 s<1.4 YW XYW XYW XYWg -",
  "8.6 tf32 nhwc weight gradient":
    "t<1.4 l<1.4 ck<16000 - n<200 - N pw<1 c<300 -|XYg XY - c<3.5 ct<400 t<20 Wv|XYg s<1.4 x/w<400 winograd-3|XYg g<45 -|XYg XYg|XYWv+432 no<1100000 k<90 Wv|XYg ct<300 l<240 -|XYWv XYWv+1 XYWv+1 XYWv+40 XYWv ckt<28600 g<1.4 ckt<9300 no<3400000 -|XY+40 XYWv+132 no<101000 l<80 ck<4000 XYWv -|XYWv+1 -|XY+40 XY+40 k<10 XYWv+432 g<50 s<1.4 XY no<6200 XY XYg|XY+132 XYg XYg",
  "8.6 fp16 nchw forward":
    "pw<1 c<3.5 t<30 W ct<2000 k<100 o<12300 W ck<260 XYW Wv - XYW ct<270 s<1.4 c/k<0.08 - g<60 XYW n<110 -*1 - kt<510 no<19000 k<100 XYWv - - XY g<5 ck<1400000 kt<510 s<1.4 XYW c/k<1.2 - XYW XYW t<3 XY XYW s<1.4 XY c<50 XYW - l<9.5 ck<675000 no<6200 - ck<140000 - XY XY -",
  "8.6 fp16 nchw input gradient":
    "pw<1 c8<2.4 kt<3700 ckt<2900 kt<400 ck<127 k<26 ck<8.5 -*2 ct<30 XWv k<5 XYW kt<200 XYWv XY k<40 s<1.4 XYWv -*2 XYW XYWv kt<900 XYWv -|XYWv XYW x/w<0.55 XYW k<600 ck<800 -|XY no<9300 - XYWv -|XY ck<1800000 g<14 XYWv ct<400 c/k<0.7 -*2 XYW XYWg t<3 XY XYW l<9.5 ck<670000 l<6.5 XY k<310 - XY XY -",
  "8.6 fp16 nchw weight gradient":
    "pw<1 t<40 c8<2.4 c<3.5 ct<20 ct<9.5 XYWv+1 h<3.5 -|XYWg YWv XY+40 k<5 XY+216 XYWv ck<1800000 g<2.4 kt<140 n<40 XYWv+1 -|XY+40 XYWv k<20 c/k<0.7 XYWg XY+216 c<30 XYWw g<30 XYW c<50 l<26 XYW XYWg XYWg t<3 XY XYW x/w<20 XYWv kt<7400 ckt<7400 XYWv+1 XY+1 XYWv+1 i<700 ck<676000 no<4700 XY ck<51000 N l<22.5 XYWw N XY N",
  "8.6 fp16 nhwc forward":
    "g<1.4 k8<2.4 ckt<11640 - c8<2.4 c<77 - XYWv YWv ckt<200 ck<180 - n<20 - XWv ckt<6800000 c8<2.4 c/k<0.4 - kt<270 - XWv - - c/k<0.7 ckt<10000 c<1.4 - s<1.4 YW XWv XY ct<700 g<8.5 ckt<10000 c<30 k<20 - XYWw - o<300 - -*1 g<33 c8<2.4 ct<50 - XYWv - - g<5 s<1.4 XY - -",
  "8.6 fp16 nhwc input gradient":
    "c/k<0.094 kt<880 XWv k<440 XYW no<9000 XYW s<3 o<6200 - XYW XWv i<50000 g<1.4 c8<2.4 pw<1 k8<2.4 XYWv XWv - k8<2.4 pw<1 YWv - - g<2.4 XY c/k<0.7 ct<60 c<1.4 - -*1 YWv kt<1400 g<8.5 ckt<10000 - s<1.4 - XYW dw<1 c8<1.4 XWv - - XYg c8<2.4 k8<2.4 k8<1 - XYWv kt<900 XWv XYW -",
  "8.6 fp16 nhwc weight gradient":
    "t<40 pw<1 g<14 g<1.4 y/w<43.4 y/w<4.56 k8<2.4 YWv - k8<2.4 XYWo+1 - ckt<250000 c8<2.4 c<3.5 t<2 XYWo+40 -+40 XYWo+1 XYWo+1 XYWo+1 k<40 XYWo+40 XY c/k<0.7 XYg+1 - x/w<0.0475 ck<230000 - c<1800 N - - c<10 kt<60 Xv ck<1000 kt<2500 s<1.4 - ct<170 Xv -+80 ct<194 kt<3500 Xv y/w<8100 -+40 XYWo+1 XWv XWv Y",
  "8.6 bf16 nchw forward":
    "pw<1 c<5 g<6 - ck<8.5 - c/k<0.7 XYWv XYW ct<70 c<12.5 XYWv - c8<2.4 XYWv t<1.4 k<500 k<200 XY XYWv*1 XY no<9230 g<2.4 XYWv ckt<100000 XYW - ct<230 c/k<0.52 g<2.4 s<1.4 XYW ckt<10000 - XYW -*1 XYW g<5 XYWv s<1.4 XYW g<7 - XYW l<9.5 ck<675000 no<6200 - ck<140000 - XY XY -",
  "8.6 bf16 nchw input gradient":
    "pw<1 c8<2.4 kt<3700 ckt<2900 kt<400 ck<80 ct<30 XWv k<5 XYW XYWv ck<100 s<1.4 XYWv -*2 kt<300 XYWv XYW kt<900 XYWv -|XYWv k<70 s<1.4 XYWv XYW XYW no<9000 XY*1|XYWv k<600 ck<800 l<180 XYWv -|XYW XYWv -|XYWv ck<1800000 g<14 XYWv ct<400 c/k<0.7 -*2 XYW XYWg t<3 XY XYW l<9.5 ck<670000 l<6.5 XY k<310 - XY XY -",
  "8.6 bf16 nchw weight gradient":
    "pw<1 c8<2.4 x/w<20.47 XYWv k<5 c8<1.4 -+80 XY+216 ck<500 XYWv+1 l<5000 XYWv+1 -|XYWv+1 g<2.4 ck<2200000 kt<140 n<40 XYWv+1 -|XY+40 XYWv XY ck<400 c/k<0.7 XYWg XY+216 c<30 XYWw g<14 XYW c<40 l<26 XYW XYWg XYWg i<700 ck<676000 no<4700 XY ck<51000 N l<22.5 XYWw N no<11000 l<1.4 ck<2000000 N - XY XYWw k<1000 N c<370 XYWw N",
  "8.6 bf16 nhwc forward":
    "s<6 c/k<0.064 h<4.5 k<60 - i<50000 - k<70 XWv ck<370 - h<2 - XWv c/k<0.06 ck<270 - ck<300 XYWo*1 - XYWv g<1.4 k8<2.4 ct<86.5 - c8<2.4 c<70 XYWv kt<95 - XYWv YWv t<30 c8<2.4 c<3.5 - t<2 - XWv - c/k<0.1 XYWo*1 - c/k<0.7 g<2.4 XY ct<60 c<1.4 - XWv YWv - l<180 - XWv",
  "8.6 bf16 nhwc input gradient":
    "c/k<0.094 kt<660 XWv kt<60000 i<28000 ck<4000 XWv - s<1.4 XWv k<400 XYW s<3 XYW XWv XWv i<50000 g<1.4 c8<2.4 pw<1 k8<2.4 XYWv XWv - k8<2.4 pw<1 YWv - - g<2.4 XY c/k<0.7 ct<60 c<1.4 - -*1 YWv - c8<2.4 k8<2.4 k8<1 - XYWv kt<900 XWv XYW -",
  "8.6 bf16 nhwc weight gradient":
    "c/k<0.094 x/w<39 XWv XYWo+1 t<20 kt<140 l<160 c8<2.4 kt<53.5 - pw<1 XYWo+1 - - c8<2.4 ct<23 - XYWo+80 -+1 c8<2.4 ck<42500 XYWo+1 pw<1 XYWv - g<1.4 no<84000 - XYWo+1 g<8.5 ckt<10000 c<30 XYWw -+80 XY - ct<60 no<4500 t<40 - Xv t<40 no<36000 s<1.4 n<100 - Xv - XWv Xv i<13000 l<140 - Y XYWo+40",
  "8.9 tf32 nchw forward":
    "kt<573 t<2 - x/w<77.6 x/w<18.1 XYW k<30 XYW XYWg - c/k<0.1 ct<142 - l<220 XYW k<44 XYW - pw<1 g<1.4 no<10900 h<1.4 XW no<2200 XYWv*1 XW ct<760 s<1.4 c8<2.4 XYW XW x/w<250 ckt<95000 XW ckt<460000 - XW c/k<0.3 t<30 XW XYW - k8<1.4 XYWv XWv XYWg l<9.5 no<2200 - XW -",
  "8.9 tf32 nchw input gradient":
    "ct<573 ct<284 l<750 g<1.4 - c/k<0.3 XYW - t<4 XYW -|XYW c<200 c<47.5 g<10 g<1.4 s<1.4 winograd-3 n<80 kt<2600 XYW -|XYW - n<80 XYW - XYWg XYWv - t<1.4 o<60 no<2400 - c<1000 - XYWv - t<40 g<10 no<804 no<200 - XYW k<35.5 s<1.4 winograd-3 XYW XYWv XYWg kt<170000 y/w<40 y/w<6.1 -|XYWg XYWg - -|XYWv",
  "8.9 tf32 nchw weight gradient":
    "pw<1 ct<400 x/w<337 no<8000 XYWv+1 h<2.4 -|XYWv+1 kt<300 -|XYWv+80 XY+80 kt<540 -|XY+80 n<40 t<9.5 XYWv+80 kt<3100 -|XY+80 XYWv+1 ct<270 - c/k<0.4 XYWv+216 -|XYWv+80 t<90 c<240 no<165000 XYWv+80 s<1.4 XYWv+108 c/k<0.6 XYWv+132 - no<230 XY t<1.4 XY XYWv+1 - ck<4800 N l<12.5 ck<758000 no<390 - XY+80 no<980 XY XYWw ck<340000 N n<30 N l<20 XY+132 N",
  "8.9 tf32 nhwc forward":
    "t<2.4 pw<1 x/w<23.42 c<400 - XYWw - - ckt<900 c8<1.4 - g<20 - XW c<81 g<1.4 XW c/k<0.7 ck<2000 - XYW g<8.5 c<40 - XW XW y/w<36 g<5 no<600 XYWw l<400 k<86 XW XYWw no<3500 XYW - XW k8<1.4 XYWv g<1.4 XW XYW",
  "8.9 tf32 nhwc input gradient":
    "pw<1 k<5 c<1.4 - k8<1.4 XYWg - c<40 g<8.5 s<1.4 g<1.4 ck<200 XYW k8<1.4 XYWv YW XYW c<2 XYW c<26 XYW kt<240 YW XYW XYWg g<1.4 c8<1.4 XYWv no<1300 YWv t<4.5 h<1.4 YW x/w<55 no<4000 YW k<240 YW XYW k<110 XY YW YWv g<10 c/k<0.7 XYW s<1.4 c<100 XYW YW XYW XYWg -",
  "8.9 tf32 nhwc weight gradient":
    "t<1.4 s<1.4 - ck<210000 - XY c<5 g<445 h<4.5 c8<1.4 -|XYg k<10 g<40 XYWv+432 XYg+1 -|XYWv+80 g<56.5 -|XYg t<40 N XYg|XYWv+432 -+432 c<255.5 x/w<186.8 g<1.4 t<5 y/w<30 XYWv+1 ct<400 -|XYW XY+80 kt<1470 XYWv+80 c<120 x/w<32.3 XYWv+132 XYWv+432 c<140 XYW XYWv+132 g<60 XY+80 XYg+1 g<1.4 ckt<28600 -|XY+80 XYWv+132 g<60 XYWv+1 XYg no<230 XY k<270 XYWv+1 XYWw",
  "8.9 fp16 nchw forward":
    "pw<1 c<3.5 ct<90 W c/k<0.07 s<13 c/k<0.014 XYW x/w<520 c/k<0.04 Wv XYW Wv - XYW ct<270 s<1.4 c/k<0.23 W g<60 XYW n<80 XYWv - x/w<1840 x/w<270 XY c<14 XYW l<80 - kt<300 Wv XYW ct<150 Wv l<113 - XYW y/w<2.05 t<1.4 XY XYWg XYW l<10.5 ck<780000 no<300 - k<310 - XY XY -",
  "8.9 fp16 nchw input gradient":
    "pw<1 c8<2.4 ct<30 kt<130 - ck<540 XYWv -|XYWv s<3 ct<145 ckt<6700 k<5 s<1.4 XYW - t<30 XYWv XYW -|XYWv XYW no<12400 XYW no<101000 -|XYWv kt<3500 - kt<26000 XYW -|XYWv XYWv l<7.5 ck<670000 no<340 - x/w<25 XY - XY -",
  "8.9 fp16 nchw weight gradient":
    "pw<1 no<330000 ckt<335000 c8<2.4 k<12.5 - ct<40 k<26 XYWv+432 XY+40 ck<420 c/k<0.05 XY+40 XYWv+80 XYWv kt<600 g<8.5 k<60 XYWv+132 x/w<1367 XY+1 kt<300 -|XY+40 XY+40 XY+108 XY+40 no<2330 t<80 t<1.4 XY XYWv XYWv XYWv+1 t<9.5 ct<8 - ct<254 ckt<4200 XY+320 kt<400 -|XYWv+132 XYWv+40 XYWv+80 c/k<0.06 XY+132 XYWv+132 l<25.5 ck<780000 ck<107000 no<15000 XYW N XY XY N",
  "8.9 fp16 nhwc forward":
    "g<1.4 k8<2.4 ckt<41000 k<23 c8<2.4 c<21 - XYWv YWv - c8<2.4 XYWv YWv ct<5 pw<1 XWv - y/w<2.04 t<8.5 - kt<300000 - XWv i<200000 - y/w<59000 - o<70000 XWv - c/k<0.7 g<2.4 XY ct<60 ckt<200 W XWv YWv ct<1400 t<20 y/w<5.2 XYg - s<1.4 - g<200 ct<60 XY*8 - - XYg",
  "8.9 fp16 nhwc input gradient":
    "c/k<0.094 ct<37 t<8.5 - kt<1500 XWv XY|XWv c/k<0.034 XYW y/w<1400 n<22 XY - XYW i<50000 g<1.4 k8<2.4 h<1.4 - c8<2.4 XYWv YWv c8<2.4 XWv ck<1000 s<1.4 - XYW - kt<400 c/k<0.7 c<1.4 - -*1 - k<70 c<60 k<60 XYWw YWv - XY c8<2.4 ckt<80 - y/w<10800 XY XWv -",
  "8.9 fp16 nhwc weight gradient":
    "pw<1 ck<35000 g<8.5 kt<450 c/k<0.14 -+108 ckt<800 -+432 XYWo+40 ck<4300 k<140 k<60 ct<40 -+80 XYWo+40 g<1.4 -+40 XYv ckt<112000 XWv x/w<47 no<2040 XWv XYWo+1 XYWo+1 g<1.4 ckt<200000 c<50 XYWo+1 y/w<29 -+1 XYWo+108 XYWo+1 c/k<0.7 XYWv -+40 g<760 t<40 kt<20 Wv c/k<0.7 s<1.4 YW XWv Wv s<1.4 YWv - Wv no<3220 - XYWo+1 -",
  "8.9 bf16 nchw forward":
    "pw<1 c<7 ct<90 ck<44 ct<20 - k<5 XYW XYWv - ck<124 XYWo*1 x/w<390 s<10 ck<700 o<9000 - XYWo*1 XYWo*1 - - ct<254 s<1.4 k8<2.4 XYWv g<60 XYW n<80 XYWo*1 - x/w<2016.4 ckt<32000 no<11400 XYWv kt<360 kt<140 XYWv - XYWv XY kt<230 - XYWv y/w<2.05 t<1.4 XY XYWg XYWv l<13.5 ck<780000 - no<12700 XY - -",
  "8.9 bf16 nchw input gradient":
    "pw<1 c8<2.4 ct<30 kt<130 - ck<540 XYWv -|XYWv s<3 ct<145 k<5 s<1.4 XYW - ck<270 t<30 ck<34 - XYWv t<40 -|XYW XY*1 -|XYWv XYW no<12400 XYW no<101000 -|XYWv kt<3500 -|XY kt<26000 XYW -|XYWv x/w<2.61 t<1.4 XY XYWg ck<1800000 g<1.4 ckt<2200 - XYWv c/k<0.7 k<80 -*2 XYW XYW XY l<7.5 ck<670000 no<4800 XY - XY -",
  "8.9 bf16 nchw weight gradient":
    "pw<1 c8<2.4 no<494000 k<180 kt<100 - x/w<560 XYv+40 XYWv+108 no<3100 XYWv XYWv+1 t<8 - x/w<400 XYv+40 ckt<700 ck<70 XYWv+216 -|XYWv+432 XYv+108 x/w<39 no<3200 t<1.4 XY XYWv XYWv+40 no<304000 XYWv+80 ct<240 ckt<4300 XYWv+320 kt<500 -|XYWv+80 XYWv+108 XYv+80 l<25.5 ck<780000 ck<107000 no<15000 XYW N no<3200 XY x/w<110 XYWw N XY N",
  "8.9 bf16 nhwc forward":
    "c8<2.4 c<3.5 l<440 ct<2000 t<2 ck<130 - XWv - no<360 - XWv t<40 i<300000 kt<130 - XWv - - k8<2.4 ct<53 - ck<1200 XYWv pw<1 XYWv - ck<350 k<10 XWv - pw<1 XWv - g<1.4 k8<2.4 kt<120 - YWv - c/k<0.7 g<2.4 XY YWv ct<2000 y/w<5.2 k<80 - XYg ck<400 - ct<250 XYg - XYg",
  "8.9 bf16 nhwc input gradient":
    "c/k<0.094 ct<37 t<8.5 - kt<1500 XWv XY|XWv c/k<0.034 XYW y/w<1400 n<22 XY - XYW i<50000 g<1.4 k8<2.4 h<1.4 - c8<2.4 XYWv YWv c8<2.4 XWv ck<1000 s<1.4 - XYW - kt<400 c/k<0.7 c<1.4 - -*1 - g<10 ck<2200 YWv XY ct<2000 - XYg c8<2.4 ckt<80 - y/w<10800 XY XWv -",
  "8.9 bf16 nhwc weight gradient":
    "pw<1 c/k<0.102 kt<510 XYWo+132 k<70 XYWo+40 kt<9500 XYWo+80 x/w<47 no<3100 XWv XYWo+1 XYWo+1 ckt<210000 ckt<40 - c8<2.4 t<10 k8<2.4 k<5 -+432 XYWo+108 ck<70 XYWv+432 kt<250 -|XYWo+320 XYWo+1 no<6600 no<3000 - XYv s<1.4 XWv ct<60 - XYWo+80 ck<1000 - ckt<40000 g<1.4 XYWo+40 c/k<0.7 XYWv - g<1.4 XYWo+1 ct<1000 XYWv -+40 no<3210 - g<1.4 XYWo+1 XY+1 -",
  "9.0 tf32 nchw forward":
    "t<1.4 ck<600000 ck<110800 - s<1.4 l<9.5 XY - y/w<40 XY XW XY ct<70 c/k<0.4 - k<2.4 - XYWv c<80 ck<4000 k<40 XYW h<6.5 ct<140 - k<60 kt<3000 ck<1550 XY - XYWg g<1.4 c<44 XWv XYWv XY ct<200 XYW k<400 k<140 XYWv - XYW y/w<85 XYW g<1.4 XWv XYW XYWv",
  "9.0 tf32 nchw input gradient":
    "pw<1 c<3.5 l<30000 g<6 n<30 no<350000 -|XYWv k<90 s<1.4 -|XYWv XYWv XYW -|XYW s<1.4 XYWv - XYWv t<10 ck<1800000 ct<60 k<5 XYW k<10 XY*1 -|XY no<150 - XYWv t<3 XY XYW ct<5000 ct<120 -|XYW XYW - ck<600000 i<110 ck<147000 - k<244 - XY - no<11000 n<14 - XY k<1600 - XY",
  "9.0 tf32 nchw weight gradient":
    "pw<1 c8<1.4 ct<30 n<200 no<180000 x/w<623 -|XYWv t<4 -|XY+432 n<10 XYWv+108 s<1.4 XYWv+1 -|XY+320 -|XY+320 -|XY+216 XYv+40 no<126000 c<210 no<11000 s<1.4 g<4.5 t<8 XYWv+1 no<6200 winograd-4 XYWw XY+80 XYW ct<1200 c<44 XY+108 XYWv ct<1500 XY+216 XYWv+1 ck<1800000 no<50 - XYWv t<3 XY XYW XYv+80 l<13.5 XY c<1183 N l<20.5 XY N",
  "9.0 tf32 nhwc forward":
    "c/k<0.094 pw<1 o<4000 c/k<0.007 XW kt<26000 x/w<2760 ct<170 XW ckt<90000 n<44 XW XWv - XWv XYW XW - c/k<0.153 c<3.5 XW y/w<0.3 XW - t<124 g<1.4 k8<1.4 pw<1 c8<1.4 c<50 c<5 - XYWv XYWv YWv - t<40 ct<8400 - o<550 - XW XW c/k<0.7 k<140 s<1.4 YW c<6 - XYW XY - XY",
  "9.0 tf32 nhwc input gradient":
    "c/k<0.094 s<1.4 t<8.5 - kt<2000 XWv XYWv XYW t<2.4 - c/k<0.24 k<80 s<1.4 XWv XYW g<1.4 - XYW c<1.4 - g<1.4 k8<1.4 c8<1.4 XYWv YWv s<2.4 k<22 YWv - YW g<3.5 XY s<1.4 c/k<0.7 YWv ct<1400 c8<1.4 XYWv - XYWg kt<200 YW XYWg",
  "9.0 tf32 nhwc weight gradient":
    "t<3.5 - c<40 ct<30 Wv|XYg+1 c8<1.4 ckt<2330 o<500 - s<1.4 XYWv+132 -|XYg+1 XYv+40 c<26 XY+40 g<1.4 winograd-3 XYv+132 ckt<570000 ckt<230000 ck<8400 k8<1.4 c8<2.4 XYWv+1 YWv g<1.4 - k<90 - XY+80 - g<1.4 kt<1800 Wv ct<2030 - YWv XYg+1 g<1.4 c/k<2.6 - x/w<3.4 - XY XY",
  "9.0 fp16 nchw forward":
    "pw<1 ct<70 ct<34 kt<6000 - XY s<3 g<6 x/w<4000 XY kt<150 - XY k<5 XYW XYWv n<110 - XYWv c/k<0.005 XYWv ck<1800000 g<7 t<500 k8<2.4 XYWv XYW XYWv t<20 c/k<0.7 -*1 XYWv XYWg t<3 XY XYW x/w<80 l<7.5 XY no<7000 - ck<245800 y/w<11.57 XY - l<13 c/k<0.4 XY - l<30 XY l<44 - XY -",
  "9.0 fp16 nchw input gradient":
    "pw<1 c8<2.4 ct<30 g<6 XYWv -*2 s<3 k<85 kt<3000 k<5 XYW XYWv XYW XYW t<30 c/k<0.09 no<70000 XYW - XYW s<5 XYWv no<41000 l<360 t<200 XYWv XYW -|XYW - t<90 ck<1800000 XYWv t<3 XY XYW - l<7.5 ck<617000 n<200 XY - XY ck<523000 i<15000 - k<124 - n<10 - XYWv no<13600 - ck<730000 - XY",
  "9.0 fp16 nchw weight gradient":
    "pw<1 c8<2.4 x/w<1742 t<30 x/w<127 XYWv XYv+80 no<4020 kt<900000 XYWv XYW XYWv+108 ck<20 YWv XYWv+108 ck<1800000 g<1.4 c<44 XYWv+40 XYWv kt<700 XYW ckt<100000 XY+216 XYWw t<3 XY XYW i<600 ck<1170000 ck<65000 no<3600 XY c/k<0.45 N n<200 k<114 N XY XY XY XY k<810 n<30 k<55 c/k<2.4 XYWv+1 N N N ck<900000 XY N",
  "9.0 fp16 nhwc forward":
    "g<1.4 k8<2.4 pw<1 c8<2.4 c<53 c<23 - o<3000 - XYWv XYWv YWv - - g<8.5 kt<400 ck<800 ckt<1000 - XYWv - g<5.5 o<10000 XY YWv l<26 - XY ckt<800 c/k<0.7 dw<1 XWv - t<40 W g<240 g<180 - YWv - t<20 c/k<0.7 YWv - XYg",
  "9.0 fp16 nhwc input gradient":
    "c/k<0.094 ct<37 k8<2.4 XYWv XWv ck<10000 ck<270 kt<800 XYW ck<100 XWv XYW t<20 XYW ct<700 s<3 XYW s<5 XWv XYW|XWv XYW - i<50000 g<1.4 c8<2.4 pw<1 k8<2.4 XYWv XWv - k8<2.4 pw<1 YWv - - g<8.5 kt<400 - XY c/k<0.7 dw<1 YW W t<124 ckt<30 W ct<30 Xv - Xv c8<2.4 k8<2.4 XYWv XWv -",
  "9.0 fp16 nhwc weight gradient":
    "c8<2.4 kt<48.5 Wv pw<1 ckt<300 Xv y/w<43500 ckt<1700 XYWo+80 x/w<132 no<4020 kt<900000 XWv - XYWo+1 XYWo+108 kt<540 -+320 XYWo+132 - c<130 pw<1 g<17 c<44 g<1.4 no<601000 XYWo+1 XYWo+216 c/k<0.7 XYg+1 - g<1.4 XYWo+1 c/k<0.7 XYWv+216 y/w<6 XYg+1 c<100 XYWw - c/k<0.7 YWv - - g<1.4 k8<2.4 pw<1 YWv - - XY",
  "9.0 bf16 nchw forward":
    "pw<1 c8<2.4 ct<104 ct<30 - k<5 XYW ck<40 XYWv t<30 n<200 kt<6500 - XYWv XYWv XYWv XYWv t<20 ck<1800000 ct<70 kt<140 y/w<2200 XY - XY XYWv t<3 XY XYW XYWg ck<139000 - x/w<4.93 l<7.5 XY - ck<526000 l<8.5 y/w<3.14 - XY x/w<73 no<7100 - ck<247000 k<200 XY - XY - no<9000 - XY",
  "9.0 bf16 nchw input gradient":
    "pw<1 c8<2.4 ct<30 c/k<0.4 XYWv XY l<380 k<70 ct<70 XYW XYWv t<20 XYW t<200 XYWv XYW o<16000 -|XYW s<3 ckt<6400 XYWv XYW XYWv g<7 ck<1800000 XYWv t<3 XY XYW s<1.4 h<2 - c/k<0.7 XYWo*2 XYW ck<400 XYWg c<50 XYWw XYWg l<7.5 ck<617000 n<200 XY - XY ck<523000 - no<13600 - ck<730000 - XY",
  "9.0 bf16 nchw weight gradient":
    "c<7 x/w<1694 no<4020 XYWv ct<145 pw<1 XYWv+40 N XYv+132 k<5 YWv pw<1 XYv+132 N pw<1 c8<2.4 XYWv ck<1800000 g<1.4 c<44 XYWv+40 XYWv kt<700 XYW ckt<100000 XY+216 XYWw t<3 XY XYW i<600 ck<780000 ck<65000 no<3600 XY c/k<0.45 N n<200 k<114 N XY XY XY XY k<810 N ck<900000 XY N",
  "9.0 bf16 nhwc forward":
    "c/k<0.094 l<210 c/k<0.018 XWv ck<170 - k<66 Xv - c/k<0.05 XWv s<3 XWv - g<1.4 c8<2.4 pw<1 ckt<500 - k8<2.4 XYWv t<10 XWv kt<600 - Xv - k8<2.4 pw<1 YWv - - g<8.5 kt<400 ck<800 ckt<1000 - XYWv - l<26.5 g<5.5 XY - XY ckt<800 c/k<0.7 dw<1 XWv - - t<20 c/k<0.7 YWv - XYg",
  "9.0 bf16 nhwc input gradient":
    "c/k<0.094 ct<37 k8<2.4 XYWv XWv c<10 ck<270 kt<800 XYW ck<100 XWv XYW t<20 XYW ct<700 s<3 XYW s<5 XWv XYW|XWv XYW - g<1.4 c8<2.4 pw<1 k8<2.4 XYWv s<3 XWv XYW - k8<2.4 pw<1 YWv - - g<8.5 kt<400 ck<800 o<12000 XYW - - XY dw<1 s<1.4 c/k<0.7 YW ct<4000 c8<1.4 Xv - XYWg XYg -",
  "9.0 bf16 nhwc weight gradient":
    "c<7 kt<540 o<160 s<1.4 no<1600 - Xv - c<3.5 ct<10 g<94 Xv l<84 YWv - Xv ckt<270 -+1 XYWo+80 x/w<3100 x/w<132 XWv XYWo+108 XYWo+132 c<142 pw<1 k8<2.4 XYWo+1 g<17 c<44 g<1.4 XYWo+1 c/k<0.7 XYWv - g<1.4 - c/k<0.7 o<600 XYWv XYWv+216 y/w<6 XYWw c<100 XYWw - c/k<0.7 YWv - - g<1.4 - XY",
  "10.0 tf32 nchw forward":
    "pw<1 ct<70 kt<1100 k<9 c8<1.4 k<3.5 - XYWv XYW - c<2 h<4.5 - XY XWv ct<5000 ck<1400000 c<27 ct<780 c<3.5 s<7.5 XY n<80 ckt<20000 - XYW s<15 XYW X x/w<50 c<9 - XY XYWv n<80 - X XYWv XY c<200 XYWg no<12700 XYWv*1 c<900 XYW XY*1 l<7.5 ck<340000 - l<6.5 - XY -",
  "10.0 tf32 nchw input gradient":
    "pw<1 c<7 no<48000 -|XYWg kt<15000 c8<1.4 kt<510 k<14 - s<1.4 XYWv l<470 n<80 XYWv c/k<0.08 XYWv -|XYWv -|XYWv t<20 -|XYW l<470 XYWv -|XYWv XYW XYW g<2.4 ck<1800000 XYWv t<3 XY XYW c/k<0.7 XYWv*1 ct<2000 c<20 XYW g<10 XYWw s<1.4 c<50 XYWw XYWg XYWg XYWg l<11.5 ck<350000 ck<64700 - XY x/w<23 l<7.5 XY - XY -",
  "10.0 tf32 nchw weight gradient":
    "pw<1 c8<1.4 ct<48.5 n<200 no<101000 XYWv -|XY+432 -|XY+432 no<192000 no<2200 -|XYWv XYWv+80 XYWv+216 x/w<521 ckt<330000 g<20 no<135300 t<2 XYWw ckt<131200 XY+80 x/w<17 XYWv+1 XYWv+132 XYWv+216 c8<2.4 - XY+132 ckt<2230000 x/w<19.5 t<1.4 XY y/w<1.78 XYWv XYWv+1 XYWv+80 XYWv XYWv+108 i<460 ck<590000 c<1450 l<11.5 no<2700 c<540 - N XYWw l<17.5 N k<150 N XY+40 XY XY N",
  "10.0 tf32 nhwc forward":
    "c/k<0.11 h<2 - no<103000 t<40 - n<80 ct<2000 x/w<550 XW - - s<15 XW XYW s<1.4 t<20 XWv XW k<100 XW t<20 - XW g<1.4 ct<4400 c8<1.4 kt<210 - k8<2.4 pw<1 XYWv - XW k8<1.4 pw<1 YWv - - - c<3.5 - k<40 c/k<0.7 Y XWv g<10 kt<3000 XYW XY XYWg",
  "10.0 tf32 nhwc input gradient":
    "c/k<0.094 s<3 c<3.5 pw<1 h<5.5 k<60 y/w<31000 XYWv XWv XWv XYWv|XY*1 - - s<10 no<48000 XWv XYW XYW g<1.4 c8<1.4 pw<1 ckt<760 ckt<400 - n<80 XWv - k8<1.4 XYWv XWv - - k<3.5 - g<8.5 ckt<30000 ckt<16000 ct<250 kt<200 YW XYWw XWv XY*1 XY s<1.4 ct<400 c/k<0.7 XY*1 XW XYWg kt<200 YW XYWg",
  "10.0 tf32 nhwc weight gradient":
    "pw<1 ct<50 g<800 c8<1 -|XYg g<40 k<8 XYv+320 -+40 XYg|XY+432 Xg ck<35000 g<1.4 c8<2.4 no<313000 no<2200 -|XYg+1 ckt<98000 t<40 -+80|XYWv+1 XYWv+132 XYWv+1 t<40 c<3.5 t<30 XWv -|XY+320 XYWo+432 XYv+320 k<40 -+216 ck<6000 -+132 ckt<80000 ckt<70000 -+40 -+108 no<37000 Wv -+216 x/w<46 g<20 XYWv+108 XY g<60 XYWv+432 no<23000 XYWv XYg ckt<2300000 no<4500 - -+40 - -",
  "10.0 fp16 nchw forward":
    "pw<1 ct<60 c<3.5 - k<5 XYW ck<50 XYWv ckt<4000 - XY t<90 ck<600000 g<1.4 XYW c/k<0.7 k<270 c<90 -*1 -*4 XYW XYWv t<2 XY XYWw k<100 XYWg k<600 XYWv kt<200000 YW XYWv l<15.5 ck<676000 y/w<170 c<760 l<1.4 - ck<100000 - no<5500 - XY XY - XY c<302 - i<1640 - l<65.5 n<80 XY - -",
  "10.0 fp16 nchw input gradient":
    "pw<1 c8<2.4 ckt<9000 k<5 ct<20 -*2 XYW s<4.5 h<6.5 no<127000 s<3 XYWv XYW XYWv XYWv k<200 XYW - ct<760 s<13 y/w<800 s<7.5 XYWv XYW XYW - XYW g<1.4 ck<2200000 XYWv XY kt<500 c/k<0.7 -*2 c<20 XYW XYWw s<1.4 XYW g<3 XYW - l<20.5 n<200 l<7.5 XY no<11000 - c<724 - XY XY c<11 XYWv -",
  "10.0 fp16 nchw weight gradient":
    "pw<1 c8<2.4 x/w<1025 no<5800 XYWv k<270 x/w<290 ckt<50000 XYWv+40 XYv+216 XYWv+108 XYWv+108 kt<40 YWv XYWv+132 x/w<1140 ck<43100 g<5.5 no<360000 ck<19000 g<1.4 no<12520 XYWw k<110 XYWv+132 XY+108 XYWv+216 ct<600 XYWw c<124 XY+216 kt<1600 XY+40 g<1.4 XY+1 XY+216 XY+216 XYW XYWw XYWv+108 ck<186500 i<780 l<10.5 XY N N ck<780000 l<27.5 XY N XY",
  "10.0 fp16 nhwc forward":
    "t<100 ckt<5000000 g<1.4 k8<2.4 h<1.4 - c8<2.4 ck<3000 c/k<0.2 - x/w<900 - XYWv XYWv YWv - c/k<0.7 kt<200 ct<60 - XYg k<170 c<50 XYWv YWv XY c<160 k<20 g<33 c8<2.4 ct<50 - XYWv - - ct<250 XYg - XYg y/w<0.45 -*1 ck<1800000 W - k<80 c<10 - XYg k<600 XWv kt<200000 - k<1200 XWv XY",
  "10.0 fp16 nhwc input gradient":
    "c/k<0.094 t<40 k<200 k8<2.4 XYWv XWv h<2 - s<3 y/w<2000 - XWv XYW s<7.5 no<130000 XWv no<585000 s<3 XYWv XYW XYW XYW i<50000 g<1.4 c8<2.4 pw<1 k8<2.4 XYWv XWv - k8<2.4 pw<1 YWv - - g<2.4 XY dw<1 c/k<0.7 -*1 c8<1.4 XWv h<2 XYg - - c8<2.4 k8<2.4 kt<70 - XYWv XWv -",
  "10.0 fp16 nhwc weight gradient":
    "pw<1 c/k<0.24 x/w<1870 c<14 no<5600 XWv x/w<530 ckt<400000 ct<500 XYWo+80 XYWo+320 XYWo+132 XYWo+108 ck<13000 g<1.4 XYWo+132 XY+80 - XYWo+132 y/w<7.34 - g<4.5 ckt<327000 c8<2.4 XYWo+132 t<3.5 -+40 g<1.4 XYWo+132 c/k<0.7 XY+320 -+216 ckt<2300000 XYWo+1 - g<370 k<1.4 - k<3.5 XWv g<60 ct<90 -+320 c<30 k<20 XYWo+216 XYWw g<7 YW - XYg kt<40 -+1 - -",
  "10.0 bf16 nchw forward":
    "ct<284 pw<1 c8<2.4 ct<48.5 g<6 - c<2.4 - XYW kt<1600 k<30 XYWv - XYWv XYWv k<810 - y/w<113 no<4700 - XY - pw<1 t<90 ck<1800000 XYWv XY ct<5000 XYWv XYWg l<15.5 x/w<5 XY ck<103000 no<16000 XY - XY i<1700 l<23.5 l<18.5 - c<460 - XY - l<70 XYWv -",
  "10.0 bf16 nchw input gradient":
    "pw<1 c8<2.4 ckt<9000 l<900 k<5 c<2.4 XY*1 XYW h<6.5 XYWv x/w<870 XYWv XYW - ct<760 s<13 y/w<740 s<7.5 XYv XYW XYW - XYW t<90 ck<1800000 g<1.4 XYWv c/k<0.7 XYWw c<80 XYW no<20000 s<1.4 XYW - XYW XY XYWg l<20.5 n<60 - x/w<3.2 - c<710 n<200 x/w<13 XYv - XYWg XYv c<11 XYv ck<1300000 - XY",
  "10.0 bf16 nchw weight gradient":
    "pw<1 c8<2.4 x/w<1047 no<5600 XYWv no<80000 ckt<950000 ckt<560000 kt<1200 XYWv+108 ct<460 XYWv+40 XYv+320 XYWv+132 XYWv+432 XYWv+108 g<6 XYWv+132 YWv x/w<1000 ck<32000 g<17 o<770 XYWv XYWv+108 XY+132 XYWw XYWv+108 ck<186500 i<780 ck<91000 l<1.4 - N no<27000 l<11.5 XY N XYWv+40 N ck<1047000 n<40 x/w<36 no<4700 x/w<9 XY N XY N x/w<263 x/w<40 XY XYWv+108 N XY",
  "10.0 bf16 nhwc forward":
    "c/k<0.064 ct<60 h<2 - kt<1200 k<60 ck<80 -*1 - XWv - kt<9500 k<70 XWv kt<4800 - x/w<300 XY XWv XWv t<100 h<1.4 - c/k<0.24 k<22 XY*1 t<20 s<1.4 XWv - o<12300 - XYW ck<290000 c/k<0.6 g<1.4 c8<2.4 XWv - XYg c/k<1.02 c<2.4 - k8<2.4 c<5 - XYWv - k8<2.4 c8<2.4 XYWv YWv - - XYg",
  "10.0 bf16 nhwc input gradient":
    "c/k<0.13 t<40 k<200 XWv h<3.5 o<20000 - XWv XY l<110 XWv s<7.5 no<130000 XWv n<40 l<270 XYWv XYW XYW XYW t<100 t<8 k8<2.4 l<160 - XYg g<1.4 - XYg c/k<0.24 ckt<3000 XWv - dw<1 c8<2.4 c<5 c<3.5 XWv c/k<0.7 XWv - XYWv g<1.4 k8<2.4 YWv - g<3.5 XY c/k<0.7 YWv - - XYg",
  "10.0 bf16 nhwc weight gradient":
    "pw<1 i<14000 g<66 no<24004 ck<37000 t<60 - XWv - kt<30 XWv g<10 ct<2400 ck<12000 g<1.4 XYWo+132 g<3.5 XY+320 -+320 ckt<300000 XYWo+108 XYWo+40 kt<4500 XYWo+132 - - - x/w<1030 no<5600 XWv ck<900 l<3000 x/w<360 ct<700 XYWo+80 XYWo+320 kt<6600 kt<3000 XYWo+108 kt<4300 XYWo+320 XYWo+40 XYWo+108 XYWo+1 XYWo+108 c/k<0.4 XYWo+132 g<3 XYWo+132 - g<7 - g<100 Xv -",
  "12.0 tf32 nchw forward":
    "pw<1 ct<161 ct<73 - ct<104 XYW - ck<4400 g<10 c<3.5 n<60 XYW - k<90 XYW c/k<0.14 XYW XW XYWg x/w<20.7 no<6000 t<1.4 XW XYWg t<3.5 XW g<1.4 s<1.4 l<26.5 no<18460 winograd-4 XYWv XW no<15000 XYW XW XYWg g<1.4 kt<800 ck<15000 XYWv x/w<190 XW - k8<2.4 XYWv XW XYWg l<7.5 no<3200 - k<200 - XW -",
  "12.0 tf32 nchw input gradient":
    "pw<1 c<14 -|XYWg g<8.5 s<1.4 ckt<230000 ck<2000 no<68000 XYWv n<10 XYWv g<1.4 c/k<2 fft-tiles XYWv XYW XYWv c/k<1.1 ckt<570000 k<180 winograd-4 XYWv n<14 no<400 - XYWv c/k<0.4 XYWv*1 l<64.5 l<6.5 XYWv*1 winograd-4 XYW XYWv t<1.4 y/w<57 XYW n<30 c<60 -|XYWv XYW -|XYWv no<3004 no<140 - XYW XYWv XYWg l<11.5 n<80 - k<160 - XYW -",
  "12.0 tf32 nchw weight gradient":
    "pw<1 ct<270 ckt<3500 -|XYg+1 c<70 h<1.4 XYWv+40 x/w<642 ct<145 ck<700 W|XYg+1 XYWv+40 XYv+80 ck<180 XYWv+108 -|XYWv+40 -|XYWv+1 no<167000 ckt<1000000 g<10 no<33700 ct<2800 ct<2300 c/k<0.011 XYWv|XYWv+40 x/w<10.4 no<1450 XYWv XYWv+108 XYWv+108 XY+216 winograd-4 XYWv+216 XYg+1 t<2 XY s<1.4 no<2500 XYWv c<600 XYWv winograd-4 XYWv XYWv+216 ck<5150 N ck<984000 l<13.5 n<40 no<34 - N XYWv+40 N XY",
  "12.0 tf32 nhwc forward":
    "kt<284 c/k<0.13 k<44 XW - h<1.4 - ck<270 ck<62 - n<80 g<2 XW ct<200 - XYWg XYWg g<2 XW XYWg pw<1 g<1.4 kt<3600 k8<1.4 c<70 XW XYWv t<10 t<1.4 x/w<330 XW - XW k<44 ct<170 - XW XW ck<80000 t<90 XW no<12400 XW - s<1.4 XW no<35000 no<2200 XW XYW XW XYWg -",
  "12.0 tf32 nhwc input gradient":
    "pw<1 ckt<3900 c8<1 k<1.4 - s<1.4 XYWg t<3 XY*1 kt<1600 - YW|XYW g<7 s<1.4 ck<200 XYWv YWv XYWv XYWg c<40 s<1.4 g<1.4 YWv XYWg c<2 YW|XYW XYWg g<1.4 x/w<4.15 s<1.4 n<22 YWv o<40 YW kt<2400 YWv XYWv YWv c8<2.4 XYWv t<8 h<1.4 YW ct<880 c<60 YW XYW no<11000 ck<240000 XYW YW YW YWv XYWg -",
  "12.0 tf32 nhwc weight gradient":
    "pw<1 ct<270 g<8.5 g<1.4 y/w<5574 t<20 kt<140 ct<80 XY+40 -|XYW kt<300 -|XYWv+40 k<400 y/w<510 XYWv+40 -|XY+132 -|XYWv o<9100 y/w<1300 XYWv+40 -|XYWv+1 XYWv+40 ckt<220 XYWv+108 -|XY+320 XY+132 k<1.4 - XYg no<153630 ckt<1300000 g<10 no<23110 no<1450 XY c/k<0.007 n<40 -|XYWv+108 XYWv c/k<2.01 ckt<1140000 ckt<370000 ct<1470 XYv+80 XYWv+432 XYWv+132 XY XY XYWv+132 XYg+216 c<3.5 XYWv XY XYWv+216 -",
  "12.0 fp16 nchw forward":
    "pw<1 c<3.5 t<9.5 s<1.4 kt<20 XY c/k<0.05 XYW - ck<300 - l<240 XYWv - c/k<0.024 ct<400 i<60000 kt<3100 XYWo*1 XYW ckt<6000 YW - - ct<90 ct<48.5 XYW - XYW t<1.4 ck<60000 - XY y/w<4.5846 XYWg XYW l<9.5 XY k<1940 - y/w<16.3 c<1400 XY - -",
  "12.0 fp16 nchw input gradient":
    "pw<1 c8<2.4 y/w<3730 i<81000 s<13 h<5.5 ck<8000 ck<30 XYW XYWv XYWv XYW XYWv kt<4000 - no<30000 no<5500 XYWv - XYWv kt<160 c/k<0.7 XYWv XWv kt<4000 s<1.4 n<44 - XYWv -|XYWv XYWv g<1.4 ck<1400000 XYWv t<3 XY XYW ckt<140000 XYW s<1.4 XYWg - l<7.5 ck<780000 l<1.4 - ck<327000 - XY XY g<1.4 - XY",
  "12.0 fp16 nchw weight gradient":
    "pw<1 c8<2.4 y/w<25000 y/w<10.22 XYWv XYWv+40 XYv+80 x/w<1151 ckt<960000 ck<1100 XY+80 c<370 no<340000 ckt<145000 no<32600 XYv+40 ct<540 XYWv+80 XYWv+216 ckt<570000 x/w<70 XY+40 XYWv+432 no<6300 XYWw XY+216 XYWv+216 XYW t<2 XY XYWv XYWv+132 ck<605000 l<18.5 n<40 N ck<230000 g<1.4 k<210 l<10.5 XYv+40 N c<170 l<7.5 XYWw N XYWv+108 XY+1 XYWv+80 N XY",
  "12.0 fp16 nhwc forward":
    "g<1.4 k8<2.4 ckt<11640 - pw<1 c8<2.4 c<70 - XYWv YWv - ct<9000 ct<2850 - s<1.4 - l<52 no<17000 o<110 - -*1 - - -*1 kt<400 dw<1 g<44 c8<1.4 s<1.4 XWv W c/k<0.3 XY - l<34 XYg c/k<0.7 XWv - - g<10 c/k<0.7 XY c<100 XY x/w<24 x/w<4.1 XY - x/w<190 XY - x/w<8 XYg -",
  "12.0 fp16 nhwc input gradient":
    "c/k<0.094 ckt<1400 XWv s<4.5 s<1.4 XWv l<280 no<101000 t<30 XWv XYW XYW t<30 XYW|XWv kt<4000 - XWv XWv i<50000 g<1.4 k8<2.4 pw<1 c8<2.4 XYWv YWv - c8<2.4 XWv y/w<0.0052 -*1 ct<70 s<1.4 - c<60 - XYW - c/k<0.7 XYg dw<1 t<20 c8<1.4 XWv - XYg - c8<2.4 k8<2.4 XYWv XWv -",
  "12.0 fp16 nhwc weight gradient":
    "pw<1 c/k<0.2 x/w<1306.4 y/w<11 c/k<0.011 XWv Xv c<6 x/w<423 ckt<170000 XYWo+40 XYWo+108 XYWo+80 XYWo+80 x/w<37600 XYWo+80 no<2860000 XYWo+80 -+320 ckt<994000 k<5 h<6 Wv s<1.4 Xv - c8<2.4 XYWo+40 no<8200 k<350 kt<5000 - XYWw - g<1.4 ct<540 no<530000 ct<250 XYWo+40 XYWo+132 XYWo+216 ckt<75000 XYWo+216 ckt<570000 no<101000 XYWo+132 XYWo+320 -+216 k<40 Wv XY+320 g<1.4 - XY -",
  "12.0 bf16 nchw forward":
    "pw<1 c8<2.4 c<3.5 ckt<2330 - ck<300 ct<110 - o<4000 XY*1 XYWo*1 i<54000 ct<130 XYWv - - l<112.5 ckt<26000 k<5 XYW XYWv XYWv y/w<1030 XYWv kt<900 - t<20 XYWv XYWo*1 t<1.4 c<180 - XY t<90 XYWv XYWg ck<665000 l<9.5 no<322 - ck<212000 - XY - no<9000 n<20 c/k<0.3 XY - XY l<9.5 XY -",
  "12.0 bf16 nchw input gradient":
    "pw<1 c8<2.4 y/w<3730 i<81000 no<19205 XYWv t<30 l<120 k<100 k<5 XWv XYWv XYWv no<110000 XYWv -|XYW XYW no<30000 no<5500 XYWv kt<60000 XYW - kt<4000 - XYWv kt<160 c/k<0.7 XYWv XYW kt<4000 s<1.4 n<44 - XYWv -|XYWv l<270 XYW XYWv t<90 ck<1800000 g<1.4 XYWv ckt<140000 XYW s<1.4 XYW - XY XYWg l<8.5 ck<560000 - XY -",
  "12.0 bf16 nchw weight gradient":
    "pw<1 c8<2.4 y/w<69 y/w<10.3 XYWv XYWv+108 XYWv+40 x/w<930 ckt<860000 ck<1300 XYv+80 ckt<145000 ct<300 XYWv+40 XYv+132 c<370 x/w<66.4 y/w<40 c<50 XYWw no<6440 XYWw kt<2200 ckt<300000 XYWv+132 XY+432 XY+216 XYWv+132 XY+432 XYW t<2 XY XYWv XYWv+132 ck<605000 l<18.5 n<40 N ck<214000 k<220 l<12.5 XYv+40 N c<124 l<3 - N XYv+108 no<2330 XY XYv+108 N XY",
  "12.0 bf16 nhwc forward":
    "c/k<0.064 ck<180 ckt<6000 - XY*1 i<50400 y/w<2800 k<70 o<5000 t<40 - XY*1 XYWo*1 ct<780 - ct<2000 XWv - t<30 c/k<0.044 ck<300 - XWv XWv XYWo*1 k<100 ct<130 k<70 XWv - XYWo*1 XWv t<100 h<1.4 - t<30 ckt<4300000 g<1.4 k8<2.4 c8<2.4 c<13 - XYWv YWv - c/k<0.7 XYg - XYWo*1 ct<120 - XYWo*1 XYg",
  "12.0 bf16 nhwc input gradient":
    "c/k<0.094 s<1.4 kt<350 - XWv l<270 no<19000 XWv ckt<1400 XWv no<130000 t<30 XWv XYW XYW h<5.5 kt<500 XWv no<130000 XWv XYW|XWv kt<4000 - no<30000 no<5500 XYWv - XWv i<50000 t<100 g<1.4 k8<2.4 pw<1 c8<2.4 XYWv YWv - c8<2.4 pw<1 XWv - s<1.4 - ct<100 XY - g<3.5 XY - XYg c8<2.4 XWv -",
  "12.0 bf16 nhwc weight gradient":
    "pw<1 c/k<0.2 x/w<1000 y/w<10.3 XWv i<14000 XYWo+40 y/w<63 XYWo+132 n<44 XYWo+40 XYWo+80 XYWo+80 ckt<200 ct<10 g<40 YWv - s<1.4 c8<1.4 x/w<70 - l<45 Xv g<120 Xv - -+432 - ckt<994000 ct<70 XYWo+80 no<8200 ct<5000 - XYWw kt<510 XYWo+40 ckt<92000 g<1.4 x/w<700 XYWo+108 -+216 XY+216 ckt<520000 y/w<87 g<1.4 XYWo+108 XYWv+132 XYWo+320 XYWo+216 g<1.4 - XY -",
  "7.0 fp32 nchw forward largest":
    "pw<1 o<200 t<2 - fft-tiles s<1.4 fft l<100 kt<600 Y fft-tiles XY ck<1600 l<30 y/w<20 fft winograd-4 fft fft",
  "7.0 fp32 nchw input gradient largest":
    "pw<1 l<15 fft-tiles s<1.4 fft no<30000 fft XYWv*4 k<140 l<20 no<20000 l<1.4 fft l<6 XYWv*8 fft XY*2 fft fft",
  "7.0 fp32 nchw weight gradient largest": "s<1.4 fft -",
  "7.0 fp32 nhwc forward largest":
    "pw<1 x/w<23 o<200 t<2 XY c<8 winograd-3 fft-tiles fft t<2 XY o<2000 XYg*8 XYg*2 y/w<220 fft c/k<0.4 -*4 XYWv*8",
  "7.0 fp32 nhwc input gradient largest":
    "pw<1 x/w<19 l<15 c<8 winograd-3 fft-tiles fft g<20 x/w<800 fft XYg*4 XYg*8 x/w<220 fft c/k<1.3 fft -*4",
  "7.0 fp32 nhwc weight gradient largest":
    "s<1.4 c<2 g<600 no<140000 x/w<2400 t<20 l<10 XW XYg+432 X XYg+432 X t<20 N XYg+1 fft c<2 XYg -",
  "7.0 fp16 nchw forward largest":
    "y/w<260 no<80000 s<1.4 XY*8 t<2 - XYWv*8 -*8 c/k<1.3 s<1.4 XYWv*2 kt<600 Y XYWo*1 XYWv*8",
  "7.0 fp16 nchw input gradient largest":
    "x/w<260 x/w<90 XYWv*8 ct<370 XYWv*8 -*8 c/k<0.5 XY*8 c/k<2.6 y/w<900 y/w<370 XYWv*4 -*4 k<50 XY*2 -*4 no<40000 XYWv*8 XYWv*2",
  "7.0 fp16 nchw weight gradient largest":
    "s<1.4 ckt<80000 XYWv+432 n<60 -+1 y/w<80 x/w<0.16 -+1 no<40000 ct<400 Y N N -+1 -+1",
  "7.0 fp16 nhwc forward largest":
    "y/w<223 no<80000 g<10 s<1.4 XYWv*8 t<2 XY XYWv*8 Y XYWv*4 c/k<2 ck<70 s<1.4 XYg*4 YW s<1.4 XYg*4 XYv XYWv*8",
  "7.0 fp16 nhwc input gradient largest":
    "x/w<220 XYg*8 c/k<1.3 c<2 g<300 s<1.4 g<50 XYW XYg*2 l<40 YWv XYg*8 o<100 X XYg*8 c/k<0.5 XYg*8 XYWv*4 -*4",
  "7.0 fp16 nhwc weight gradient largest":
    "pw<1 s<1.4 o<200 N g<4 kt<3000 XYWv+432 -+1 g<50 XWv XW k<50 c<2 XYWg Wv -+1 ck<80000 XYWv+432 XYWw",
  "7.5 fp32 nchw forward largest":
    "pw<1 o<200 t<2 no<300 X XY fft-tiles s<1.4 fft t<6 XY t<10 fft-tiles - fft",
  "7.5 fp32 nchw input gradient largest":
    "pw<1 l<15 fft-tiles x/w<800 fft ct<200 XYWv*8 XYWv*4 x/w<130 fft l<20 c/k<3.5 XYWv*2 fft fft",
  "7.5 fp32 nchw weight gradient largest": "s<1.4 fft -",
  "7.5 fp32 nhwc forward largest":
    "pw<1 x/w<23 o<200 t<2 XY c<8 winograd-3 fft-tiles fft g<160 g<20 XYv XYg*2 XYg*8 y/w<220 fft c/k<0.4 -*4 XYWv*8",
  "7.5 fp32 nhwc input gradient largest":
    "pw<1 x/w<19 l<15 c<8 winograd-3 fft-tiles fft g<20 x/w<800 fft XYg*4 XYg*8 x/w<220 fft c/k<1.3 fft -*4",
  "7.5 fp32 nhwc weight gradient largest":
    "s<1.4 c<2 g<600 g<50 winograd-4 no<70000 N X t<20 N XYg+1 fft c<2 XYg -",
  "7.5 fp16 nchw forward largest":
    "t<6 k<120 no<80000 XYWv*2 XYW c/k<0.4 XYWv*1 k<400 -*4 XY*1 no<95000 XYWv*8 XY*4",
  "7.5 fp16 nchw input gradient largest":
    "x/w<65 t<2 no<300 XYWv*8 XYWv*1 XYWv*8 c/k<2.1 c<50 ck<400 x/w<4100 XYWv*8 XY*1 XY*8 x/w<130 -*8 XY*4 XYWv*2",
  "7.5 fp16 nchw weight gradient largest":
    "ck<19000 XYWv+80 l<13.5 no<400 kt<800 XY+1 c/k<0.2 N XY+1 no<1500 XYWv+40 N ckt<200000 XYWv+80 s<1.4 N XYWv+80",
  "7.5 fp16 nhwc forward largest":
    "g<4 c/k<2.1 y/w<65 XYWw ct<25 XY*1 c<10 c/k<0.07 -*4 XYWv*8 l<27.5 -*4 -*2 k<60 XYWv*8 XYW s<1.4 Xv XY*8",
  "7.5 fp16 nhwc input gradient largest":
    "ckt<100 s<1.4 Xv XY*2 x/w<208 x/w<65 t<2 XYWw XYWv*8 y/w<200 kt<100 -*4 XYWv*8 XYWv*8 c/k<0.5 XYWv*8 -*4",
  "7.5 fp16 nhwc weight gradient largest":
    "ck<100 XWv ck<19000 XYWo+80 t<6 y/w<0.8 -+1 o<400 l<5 XYWv+1 ckt<140000 -+108 -+132 -+80 s<1.4 N y/w<0.8 -+1 -+320",
  "8.0 tf32 nchw forward largest":
    "pw<1 o<200 t<2 XYWv*1 fft-tiles s<1.4 fft ct<370 k<50 XY*8 XYWv*1 fft-tiles ck<700 l<4 fft XY*8 fft",
  "8.0 tf32 nchw input gradient largest":
    "ck<16200 c<50 c<22 c<13 XY*2 XYWv*8 XYWv*4 c<160 XYWv*2 XYWv*1 x/w<0.52 k<540 winograd-3 XYWv*1 c<70 XYWv*2 XYWv*1",
  "8.0 tf32 nchw weight gradient largest":
    "s<1.4 fft no<140000 kt<1300 y/w<2.5 XYWv+1 x/w<120 XYWv+108 XYWv+216 n<60 XYWv+216 ct<2000 XYWv+320 XYWv+432 XYWv+432",
  "8.0 tf32 nhwc forward largest":
    "pw<1 c<2 XYWv l<15 t<6 XYWv*1 fft-tiles t<2 XYWv*1 y/w<66 fft t<10 XYWv*8 XYWv y/w<220 fft c/k<0.4 -*4 XYWv*8",
  "8.0 tf32 nhwc input gradient largest":
    "g<4 c<80 c<60 ct<22 XYWv*8 XY*2 XYWv*1 x/w<6 pw<1 XYWv*1 XYWw ck<6000 -*2 XYWw s<1.4 XYWv t<20 XYWv XYg*4",
  "8.0 tf32 nhwc weight gradient largest":
    "c<2 XYWo+432 s<1.4 fft x/w<2000 x/w<23 ckt<2000000 kt<1300 ck<70000 XYWv+80 XY+132 XY+216 XYWv+132 kt<2000 no<30000 XY+132 XYWv+216 XYWv+216 XYWv+216",
  "8.0 fp16 nchw forward largest":
    "kt<250 c<100 ck<900 XY*1 XYW XY*2 t<6 XY*1 t<40 c<300 k<80 XY*4 l<20 XYWv*4 y/w<50 XYWv*1 XY*2 XYWv*8 XYWv*1",
  "8.0 fp16 nchw input gradient largest":
    "t<6 n<200 c<220 c<30 XYWv*8 ct<180 XYWv*2 -*2 XY*1 x/w<70 XY*1 XY x/w<1.5 XYWv*8 s<1.4 XYWv*4 y/w<30 XYWv*1 XYWv",
  "8.0 fp16 nchw weight gradient largest":
    "y/w<100 pw<1 XYWv+216 x/w<200 l<7.5 no<5000 XYWv+132 N ck<100000 XYWv+132 N XYWv+320 XYWv+432",
  "8.0 fp16 nhwc forward largest":
    "g<4 t<2 c/k<0.26 c<60 XYW -*1 ck<700 XYWv*1 XY c/k<0.07 XYWo*1 ct<3000 c<80 XYWo*4 XYW XYW s<1.4 Xv XY*8",
  "8.0 fp16 nhwc input gradient largest":
    "g<4 no<40000 c/k<1.2 c/k<0.5 XYW x/w<0.9 XY*4 s<1.4 k<200 XYWv*2 XYW XYWv*1 XYWo*1 XYW s<1.4 Xv XY*2",
  "8.0 fp16 nhwc weight gradient largest":
    "g<4 x/w<84 t<6 l<1.4 x/w<0.04 N XYWv+1 -+132 o<100 -+216 N ck<4000 s<1.4 XYWw XYWo+320 XYWv+432 x/w<120 XYv+1 Xv",
  "8.6 tf32 nchw forward largest":
    "pw<1 o<200 t<2 XYWv*1 fft-tiles s<1.4 fft ct<370 k<50 XY*8 l<100 XYWo*4 XYWv*1 fft-tiles fft",
  "8.6 tf32 nchw input gradient largest":
    "t<2 l<3 winograd-4 x/w<90 winograd-4 c<20 XYWv*8 pw<1 XYW c<40 XYWv*4 XY*2 no<95000 fft-tiles s<1.4 winograd-4 XYWv*1",
  "8.6 tf32 nchw weight gradient largest":
    "s<1.4 fft no<140000 ckt<200000 x/w<130 c<80 XYWv+132 XYWv+40 XYWv+132 ct<2000 ct<1100 XY+108 XYWv+1 XYWv+1 XYv+320",
  "8.6 tf32 nhwc forward largest":
    "pw<1 kt<140 XYWv l<15 t<2 XYWv*1 fft-tiles ct<540 ct<40 XYWw XYWv*1 y/w<80 fft XYWv*4 y/w<220 fft c/k<0.4 -*4 XYWv*8",
  "8.6 tf32 nhwc input gradient largest":
    "pw<1 x/w<20 t<2 XYWv*1 ct<80 XYg*8 fft-tiles g<300 g<50 t<2 XYWv*1 XY*2 XYg*4 XYg*8 winograd-4",
  "8.6 tf32 nhwc weight gradient largest":
    "ck<100 x/w<40 XYv+320 XYWv+432 s<1.4 fft c<400 no<25000 l<10 XY+40 XYWv+80 n<200 XYWv+132 XYv+320 l<7 XY+108 XYWv",
  "8.6 fp16 nchw forward largest":
    "pw<1 y/w<450 no<60000 XYWv*1 kt<2000 XYWv*1 XY*4 ct<60 XYWo*1 XYWw no<40000 c/k<1.3 XY k<124 x/w<400 XYW XYWv*1 XYWv*1 XY",
  "8.6 fp16 nchw input gradient largest":
    "t<6 c<220 ct<180 c<140 c<90 XYWv*2 XYWv*1 XYWv*2 -*2 XY*1 ct<40 XYWv*8 no<14000 XYWv*1 s<1.4 XY*4 XY*1",
  "8.6 fp16 nchw weight gradient largest":
    "y/w<690 l<13.5 kt<4300 pw<1 XYWv+40 l<7.5 ck<700000 x/w<5 n<60 N XYWv+1 N N N XYWv+432 XYWv+132 XYWv+432",
  "8.6 fp16 nhwc forward largest":
    "c<3.5 s<1.4 -*4 g<8 t<30 XYWo*1 XYWo*2 XY*8 kt<3000 XYW y/w<7 l<5 XYWo*2 XYW XYW",
  "8.6 fp16 nhwc input gradient largest":
    "ck<70 s<1.4 Xv XY*2 c/k<1.2 s<1.4 ck<9000 no<300000 XY*1 XYW XYW c/k<0.07 XYW x/w<2.02 XYWv*2 y/w<70 XYWv*1 XYW XYWo*1",
  "8.6 fp16 nhwc weight gradient largest":
    "ck<100 Xv t<6 l<1.4 ck<400000 XYWv+1 N -+108 o<900 o<100 s<1.4 XY+320 -+40 s<1.4 N -+132 t<10 XYWv+320 XYWo+132",
  "8.9 tf32 nchw forward largest":
    "pw<1 o<200 t<2 XYWv*1 fft-tiles s<1.4 x/w<600 fft winograd-4 ct<370 k<50 XYWw XYWv fft-tiles fft",
  "8.9 tf32 nchw input gradient largest":
    "t<2 l<3 winograd-4 x/w<90 winograd-4 c<20 XYWv*8 c<50 XY*4 c<220 XYWv*2 o<400 XY*2 XYWv*1 o<900 fft-tiles winograd-4",
  "8.9 tf32 nchw weight gradient largest":
    "s<1.4 fft no<40000 k<900 c<100 XYWv+320 kt<3000 x/w<23 c<160 XYWv+80 XYWv+108 XYWv+132 XYWv+216 XY+216 XYWv+320",
  "8.9 tf32 nhwc forward largest":
    "pw<1 kt<270 XYWv l<15 t<2 XYWv*1 fft-tiles l<200 no<10000 fft-tiles y/w<58 fft XYWv*8 XYWv*1 y/w<220 fft c/k<0.4 -*4 XYWv*8",
  "8.9 tf32 nhwc input gradient largest":
    "pw<1 x/w<19 t<2 XYWv*2 ct<80 XYg*8 fft-tiles g<300 g<50 t<2 XYWv*1 XY*2 XYg*4 XYg*8 winograd-4",
  "8.9 tf32 nhwc weight gradient largest":
    "g<4 s<1.4 fft no<40000 ckt<2000000 t<2 XYWv+108 y/w<9 ck<100000 XYWv+80 XY+216 XYWv+320 XYW XYWv+320 XYWo+432",
  "8.9 fp16 nchw forward largest":
    "y/w<1.7 XYWv*2 k<90 k<40 ckt<700 XYWv*8 k<30 -*4 XYWv*4 x/w<5300 XYWv*2 XYW t<6 c<40 -*2 XYWv*1 s<1.4 XYWv*4 XYWv*1",
  "8.9 fp16 nchw input gradient largest":
    "t<2 c<180 c<90 XYWv*4 XYWv*2 no<1300 XY*2 c<220 -*2 XYWv*1 x/w<43 XYWv*8 ct<200 XYWv s<1.4 XY*4 XY*1",
  "8.9 fp16 nchw weight gradient largest":
    "x/w<130 pw<1 s<1.4 l<7.5 XYWv+432 N no<5000 XYWv+132 XYWv+320 l<7.5 N y/w<140 ck<100000 XY+216 N XYWv+432 ckt<4000 XYWw XYWv+432",
  "8.9 fp16 nhwc forward largest":
    "ck<70 s<1.4 Xv XY*8 c/k<0.5 pw<1 c/k<0.07 XYWo*2 XY*4 XYWo*1 c/k<5 t<6 XYWv*2 XYW XYWv*4",
  "8.9 fp16 nhwc input gradient largest":
    "g<4 x/w<36 c<540 XYWw XYWo*1 ck<200 XYv c/k<2.1 k<400 -*4 XYW k<70 -*2 -*1 s<1.4 Xv XY*2",
  "8.9 fp16 nhwc weight gradient largest":
    "g<4 l<1.4 N x/w<65 o<100 ck<700000 XY+40 -+1 ckt<560000 XY+132 N XYWv+432 x/w<150 XYv+320 XWv",
  "9.0 tf32 nchw forward largest":
    "t<6 ck<30000 y/w<4100 c<160 XY*1 k<50 XYWv*4 XYWv*2 XYW XYWv*1 s<1.4 no<10000 XYWv*1 fft k<80 k<50 XYWw XYWv XYWv*1",
  "9.0 tf32 nchw input gradient largest": "t<6 XYW l<40 fft-tiles s<1.4 l<80 fft-tiles XYWv o<6000 -*4 XY*1",
  "9.0 tf32 nchw weight gradient largest":
    "s<1.4 fft kt<2200 x/w<600 kt<1300 XYWv+108 XYv+132 XYWv+216 kt<4000 l<20 XY+320 XYWv+216 XYWv+432",
  "9.0 tf32 nhwc forward largest":
    "g<4 t<6 k<300 ck<2600 XYWv k<70 k<60 XYWv*2 XYWv*1 XYW XYWw s<1.4 no<160000 n<60 XYWv*1 XY*8 XY*4 XYWv XYWv",
  "9.0 tf32 nhwc input gradient largest":
    "t<6 XYW ct<80 s<1.4 XYWv ct<20 l<10 XYWw XYWv t<10 XY*1 XY x/w<19 fft-tiles o<900 o<400 fft-tiles XYWv*8 XY*2",
  "9.0 tf32 nhwc weight gradient largest":
    "c<2 XYWo+432 s<1.4 fft x/w<300 kt<4000 kt<2200 n<20 XY+108 y/w<30 y/w<1.6 XY+40 XYWv+108 XYWv+108 y/w<3 XYWv+216 XY+216 XYWv+320 XYWv+216",
  "9.0 fp16 nchw forward largest":
    "c<3.5 k<50 XYWo*1 t<30 XY*2 XY*1 x/w<12 t<2 XY no<10000 ckt<600000 y/w<2.2 XYWv*1 XYW y/w<0.36 XYWv*1 XYW XYW XYW",
  "9.0 fp16 nchw input gradient largest":
    "kt<600 XYWv ckt<10000 XY*8 x/w<12.4 no<14000 x/w<7 pw<1 kt<4000 XYWv*1 XYW XY XYWv*1 XYW ckt<400000 XY*1 XYW",
  "9.0 fp16 nchw weight gradient largest":
    "y/w<690 ckt<300000 o<30 l<1.4 XYWo+1 c/k<2.4 XY+1 N t<2 n<60 XY+80 XYWv+108 kt<900 XY+432 XYWv+216 x/w<0.84 -+1 XYW XYv+320",
  "9.0 fp16 nhwc forward largest":
    "ckt<40 x/w<20 XYv*1 XYWv ck<200 c<2 Xv y/w<2600 -*1 XYWo*1 kt<4300 XY XYW",
  "9.0 fp16 nhwc input gradient largest":
    "c<3.5 s<1.4 YWv c<2 l<10 XY*4 XY*2 XWv s<1.4 ct<4300 XY XYW ct<540 XYW y/w<1.6 XYW c<160 XYWv*1 -*1",
  "9.0 fp16 nhwc weight gradient largest":
    "ck<70 x/w<150 XYWo+1 XWv ckt<340000 ck<9000 ck<900 XYWo+320 N kt<700 x/w<50 XYWo+1 -+108 x/w<50 -+1 -+216 y/w<0.015 - -+1",
  "10.0 fp16 nchw forward depthwise":
    "t<40 t<7 - g<125 l<90 o<4200 g<47 - o<2000 o<900 o<200 t<20 - XYW o<760 XYW x/w<3300 XYW - g<74 XYW - XYW - g<60 o<8000 - XYW XYW o<200 g<573 kt<20 s<1.4 n<30 - XYW - XYW o<40 l<5.5 XYW - XYW n<6 s<1.4 no<2000 - XYW - XYW -",
  "10.0 fp16 nchw input gradient depthwise":
    "s<1.4 t<40 t<7 - g<970 g<125 l<90 t<20 l<60 g<85 no<120000 l<40 - XYW XYW - - no<42000 Xv XYW XYW l<17.5 t<20 n<110 g<730 XYW - XYW XYW XYW n<80 t<20 - XYW XYW no<580 XY*4 Xv -",
  "10.0 fp16 nchw weight gradient depthwise":
    "y/w<620 o<200 no<6200 - t<40 XY+132 - t<40 o<300 - t<20 - XY+80 g<240 g<90 - XWv - t<40 g<190 l<90 s<1.4 g<120 no<120000 no<6700 - h<4 l<44 x/w<9000 no<27000 XY+432 XWv XWv XY+432 XY+132 l<60 XY+216 XWv XYW XY+216 g<20 XWv XY+216 no<6500 n<30 XY+1 - XY+1 s<1.4 g<170 XWv no<110000 - Xv -",
  "12.0 fp16 nchw forward depthwise":
    "s<1.4 l<14.5 g<1840 - no<2000 - XYW h<6 g<1240 h<2 - g<190 l<90 l<62 l<44 g<56.5 XYW l<32.5 x/w<3300 XYW - - XYW - XYW XYW - - -",
  "12.0 fp16 nchw input gradient depthwise":
    "s<1.4 h<6 t<7 - g<125 l<90 l<64.5 x/w<16200 l<44 n<80 - x/w<2500 XYW - XYW XYW - XYW no<1800 t<20 - XYW l<17.5 g<1450 l<13.5 x/w<520 x/w<350 XYW - XYW g<434 XYW g<660 - XYW XYW XYW - -",
  "12.0 fp16 nchw weight gradient depthwise":
    "kt<40 o<110 s<1.4 t<20 no<7000 o<70 - XYW XY+320 g<1100 XYW XY+1 - g<70 l<90 s<1.4 t<10 g<36 g<22 XWv XY+108 l<60 XY+132 XWv - XY+108 XY+108 s<1.4 l<44 g<110 - t<4.5 - XY+1 XY+320 g<400 no<9400 g<100 XY+216 - g<80 - XY+1 l<28.5 XYW - -",
  "7.0 fp16 nchw forward depthwise largest":
    "s<1.4 g<300 x/w<14000 n<20 XYg*8 XW XYg*4 l<10 l<4 XYv X XYg*8 g<100 YW l<10 -*8 YW",
  "7.0 fp16 nchw forward depthwise": "-",
  "7.0 fp16 nchw input gradient depthwise largest":
    "o<30 s<1.4 XYv XYWw g<300 s<1.4 g<50 XYW l<20 XW XYg*2 l<40 YWv XYg*8 o<100 g<900 X XYg*8 XYg*8",
  "7.0 fp16 nchw input gradient depthwise": "-",
  "7.0 fp16 nchw weight gradient depthwise largest":
    "s<1.4 l<15 t<20 no<5000 n<20 N XYg+432 N l<10 XYWg X g<80 Xv g<170 XW XY -",
  "7.0 fp16 nchw weight gradient depthwise": "-",
  "7.5 fp16 nchw forward depthwise largest": "s<1.4 l<5 XYv Xv XY*8",
  "7.5 fp16 nchw forward depthwise":
    "s<1.4 h<6 o<700 n<200 t<20 - no<4500 - g<510 - XYW g<350 no<30000 - XYW XYW h<2 - g<190 l<90 l<62 l<44 l<32.5 no<90000 g<94 - XYW XYW - XYW - XYW XYW - c/k<0.7 g<170 XY*4 - -",
  "7.5 fp16 nchw input gradient depthwise largest": "s<1.4 l<5 XYv Xv l<10 XYWw XY*2",
  "7.5 fp16 nchw input gradient depthwise":
    "s<1.4 h<6 t<7 - no<4850 l<13 h<4 n<60 - XYW g<1150 - XYW g<573 l<18.5 - XYW XYW g<120 l<90 l<64.5 g<80.5 g<62 g<50 XYW - XYW - - XYW XYW - -",
  "7.5 fp16 nchw weight gradient depthwise largest": "x/w<80 x/w<50 XYv+320 XYWv XWv",
  "7.5 fp16 nchw weight gradient depthwise":
    "h<6 s<1.4 kt<7 x/w<130000 t<4.5 - g<500 - XYW XY+1 g<120 l<90 l<64.5 l<44 n<100 - g<80 - XYW g<62 - XYW - XY+1 no<380 - XYW o<240 - n<6 - o<700 l<38.5 XYW - g<140 g<74 XYW no<70000 - XYW XYW x/w<400 o<70 - n<6 Wv Xv -",
  "8.0 fp16 nchw forward depthwise largest": "s<1.4 Xv XY*8",
  "8.0 fp16 nchw forward depthwise":
    "s<1.4 h<6 t<7 - no<23100 n<60 l<32.5 h<4 - l<17.5 l<8.5 g<1100 - XYW - XYW XYW no<5000 - g<1010 no<17000 g<160 - x/w<800 - XYW - XYW g<120 l<90 l<60 g<80.5 no<101000 l<32.5 - XYW XYW - - XYW XYW - c/k<0.7 g<150 XY*4 - -",
  "8.0 fp16 nchw input gradient depthwise largest": "s<1.4 Xv XY*2",
  "8.0 fp16 nchw input gradient depthwise":
    "s<1.4 h<6 t<7 - x/w<2500 g<510 no<24500 - XYW no<19000 g<1450 l<15 l<7.5 XYW g<1070 XYW - XYW XYW - g<125 l<90 l<60 l<44 n<100 - XYW XYW - XYW XYW - -",
  "8.0 fp16 nchw weight gradient depthwise largest": "x/w<120 no<400 XYWo+1 XYWv y/w<600 Xv XWv",
  "8.0 fp16 nchw weight gradient depthwise":
    "kt<40 no<20000 s<1.4 t<7 - t<10 g<1500 l<15 l<6.5 - n<110 l<7.5 - no<9300 g<140 - XYW - XYW XYW XYW g<900 l<7.5 - XY+216 n<22 - XYW o<500 - no<5000 - XYW g<62 g<50 g<14 XWv XY+80 n<110 XWv - o<1800 g<120 s<1.4 - XY+132 no<32000 x/w<11000 XY+1 - XY+1 XY+1 -",
  "8.6 fp16 nchw forward depthwise largest": "s<1.4 l<5 XYv Xv XY*8",
  "8.6 fp16 nchw forward depthwise": "l<8.5 t<20 - g<900 t<40 g<460 - XYW - x/w<40 - XYW -",
  "8.6 fp16 nchw input gradient depthwise largest": "s<1.4 Xv XY*2",
  "8.6 fp16 nchw input gradient depthwise":
    "s<1.4 h<6 t<7 - g<120 l<90 l<64.5 g<80.5 g<62 g<50 XYW - XYW - - XYW no<830 - XYW - -",
  "8.6 fp16 nchw weight gradient depthwise largest":
    "no<700 o<8 XYv XYWo+1 no<5000 g<300 YWv Xv y/w<253 Xv XWv",
  "8.6 fp16 nchw weight gradient depthwise":
    "s<1.4 t<40 g<22 no<600000 no<80000 - XWv XWv t<7 y/w<60000 - XY+80 g<120 l<90 l<64.5 l<44 n<100 - g<80 - XYW XY+1 - XY+1 no<1450 l<8.5 - XYW x/w<1200 g<940 g<750 l<20.5 x/w<760 l<15 l<7.5 n<80 XYW - XYW - XY+1 XY+1 XY+1 XYW XYW - g<50 XYW -",
  "8.9 fp16 nchw forward depthwise largest": "s<1.4 Xv XY*8",
  "8.9 fp16 nchw forward depthwise": "o<15000 g<1500 - o<90 - g<2100 l<16.5 XYW - - x/w<130000 XYW -",
  "8.9 fp16 nchw input gradient depthwise largest": "s<1.4 l<5 XYv Xv XY*2",
  "8.9 fp16 nchw input gradient depthwise":
    "s<1.4 h<6 t<7 - g<182 g<22 - l<108 no<9000 - l<60 l<44 l<32.5 g<94 g<56.5 XYW - XYW - XYW g<70 - XYW XYW XYW - -",
  "8.9 fp16 nchw weight gradient depthwise largest": "x/w<80 x/w<50 XYWo+1 XYv XWv",
  "8.9 fp16 nchw weight gradient depthwise":
    "g<74 h<6 g<14 -|XWv l<90 l<64.5 o<600 - g<62 g<50 XYW - XY+1 - XY+80 - y/w<40000 s<1.4 h<6 kt<20 g<270 no<23000 - l<32.5 g<125 - XY+1 - n<3 XYW - no<10000 l<7.5 no<3000 - XY+1 XYW XY+1 - g<100 l<100 - XYW - g<150 XY+216 -",
  "9.0 fp16 nchw forward depthwise largest": "t<40 x/w<20 XYv*1 XYWv Xv",
  "9.0 fp16 nchw forward depthwise":
    "s<1.4 h<6 t<7 - l<8.5 t<20 l<6.5 XYW - XYW g<120 l<90 l<64.5 l<44 l<32.5 n<80 - l<20 - XYW - g<62 - XYW - XYW l<17.5 g<1500 g<1100 XYW - XYW XYW - -",
  "9.0 fp16 nchw input gradient depthwise largest": "s<1.4 Xv t<20 XY*2 XYg*8",
  "9.0 fp16 nchw input gradient depthwise":
    "s<1.4 h<6 t<7 - g<120 l<90 l<64.5 l<44 n<100 - g<80 - XYW g<62 - XYW - XYW l<17.5 l<6.5 - g<1450 g<1070 XYW l<7.5 XYW - XYW XYW t<60 - Xv -",
  "9.0 fp16 nchw weight gradient depthwise largest": "x/w<150 y/w<50 XYWo+432 XYv XWv",
  "9.0 fp16 nchw weight gradient depthwise":
    "t<40 no<10600 s<1.4 no<5000 no<1600 - g<1370 - XYW x/w<500 XYW XY+1 g<121 XYW - g<86 l<90 s<1.4 h<4 g<66 h<2 Xv g<35 XY+216 Xv XWv - XY+80 x/w<430000 XY+132 YWv g<125 g<97 XY+216 - x/w<2200 o<500 n<110 no<17000 XY+1 - XY+1 XY+1 XY+1 o<3100 g<670 y/w<190 l<13 Xv - o<1100 Xv - - -",
} as const satisfies Readonly<Record<string, string>>;
