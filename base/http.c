/* Its engineer fills it. */
typedef int iso_nothing_here; 
